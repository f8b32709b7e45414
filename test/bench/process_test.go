package main

import (
	"os"
	"testing"
	"time"
)

func TestStatWithSpacesAndParenthesesInTheName(t *testing.T) {
	const stat = "4242 (odd) (name) S 1 4242 4242 0 -1 4194560 1000 0 0 0 123 45 6 7 20 0 8 0 9999 1000000 250 18446744073709551615"
	got, err := parseStatCPU([]byte(stat))
	if want := 1680 * time.Millisecond; got != want || err != nil {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := parseStatCPU([]byte("4242 (short) S 1")); err == nil {
		t.Error("a short line was let in")
	}
}

func TestStatusRSS(t *testing.T) {
	const status = "Name:\tusher\nVmHWM:\t   9000 kB\nVmRSS:\t   1712 kB\nRssAnon:\t     116 kB\nRssFile:\t    1596 kB\nRssShmem:\t       0 kB\n"
	got, err := parseStatusRSS(status)
	if want := (residentBytes{1712 << 10, 116 << 10, 1596 << 10}); got != want || err != nil {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := parseStatusRSS("Name:\tzombie\n"); err == nil {
		t.Error("a status without memory was let in")
	}
}

func TestCPUClockAgreesWithStat(t *testing.T) {
	for end := time.Now().Add(60 * time.Millisecond); time.Now().Before(end); {
	}
	clock, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	ticks, err := parseStatCPU(stat)
	if err != nil {
		t.Fatal(err)
	}
	if apart := (clock - ticks).Abs(); apart > 3*clockTick {
		t.Errorf("the process's clock says %v, its ticks %v", clock, ticks)
	}
}

func TestPercentile(t *testing.T) {
	v := []float64{4, 1, 3, 2}
	if got := median(v); got != 2.5 {
		t.Error(got)
	}
	if got := percentile(v, 100); got != 4 {
		t.Error(got)
	}
	if got := percentile([]time.Duration(nil), 99); got != 0 {
		t.Error(got)
	}
}
