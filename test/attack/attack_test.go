package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestMain lets the test play the room and the attacker, as the program does.
func TestMain(m *testing.M) {
	if isRole(os.Args[1:]) {
		exitOn(playRole(context.Background(), os.Args[1:]))
		return
	}
	os.Exit(m.Run())
}

// The short form: each attack lasts a moment. What counts is that nobody of the room is closed,
// that every frame arrives in order, and that memory and log stay bounded. How long a frame takes
// is printed, and not judged.
func TestAttacksHarmNobodyElse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("attackers need more of loopback's addresses than 127.0.0.1")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("usher cannot be built: ", err)
	}
	folder := t.TempDir()
	program, err := build(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	c := conductor{before: 200 * time.Millisecond, during: 700 * time.Millisecond, after: 300 * time.Millisecond, program: program, out: t.Output()}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			runtime.LockOSThread() // for dieWithParent
			defer runtime.UnlockOSThread()
			r, err := c.attack(t.Context(), filepath.Join(folder, a.name), a)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(t.Output(), heading, r)
			for _, fault := range r.faults {
				t.Error(fault)
			}
		})
	}
}
