package chaos

// hooks let a signal do to a node what nothing outside it can do. Only the program that this test
// builds has them.
//
// SIGUSR1 sets the wall clock of the process off by what is in a file, in seconds, which counts
// from its start too. The monotonic clock goes on, as when somebody sets a machine's clock.
// SIGWINCH, which usher has no use for, stops the process after its next look at the lease, before
// it does what the lease allows.
var hooks = []edit{
	{"GOROOT/time/time.go", "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", `
// SetOff is how many seconds the wall clock is off.
var SetOff int64

func Now() Time {
	sec, nsec, mono := runtimeNow()
	sec += SetOff
`},
	{"server/cluster/tenure.go", "func (t *tenure) Valid() bool {\n\treturn ", `
// AfterLook is called after a look at a lease that is valid.
var AfterLook = func() {}

func (t *tenure) Valid() bool {
	valid := t.isValid()
	if valid {
		AfterLook()
	}
	return valid
}

func (t *tenure) isValid() bool {
	return `},
	{"cmd/usher/hooks.go", "", `package main

import (
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"usher/server/cluster"
)

func init() {
	setOff := func() {
		if text, err := os.ReadFile(os.Getenv("CHAOS_CLOCK")); err == nil {
			time.SetOff, _ = strconv.ParseInt(string(text), 10, 64)
		}
	}
	setOff()
	var armed atomic.Bool
	cluster.AfterLook = func() {
		if armed.Load() && armed.CompareAndSwap(true, false) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGWINCH)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR1 {
				setOff()
			} else {
				armed.Store(true)
			}
		}
	}()
}
`},
}
