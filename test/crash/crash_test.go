package main

import (
	"os/exec"
	"testing"
	"time"
)

func TestNothingAcknowledgedIsLostByKills(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("usher cannot be built: ", err)
	}
	c := campaign{
		rounds: 3, workers: 32, changes: 400, every: 1, reads: true,
		seed: uint64(time.Now().UnixNano()), out: t.Output(),
	}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.tally.acknowledged.Load(); n == 0 || n != c.tally.verified.Load() {
		t.Fatal(&c.tally)
	}
}
