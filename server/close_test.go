package server

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"testing"

	"usher/server/servertest"
	"usher/server/store"
)

// openFiles returns how many descriptors the process has, or 0 if that is unknown.
func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// A server that never runs, or whose creation failed, leaves nothing behind.
func TestCloseReleasesWhatNewOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	config := DefaultConfig()
	config.Listen, config.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	config.DataDir = t.TempDir()
	warmUp, err := New(config) // what the runtime opens once stays open
	if err != nil {
		t.Fatal(err)
	}
	if err := warmUp.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what   string
		change func(*Config)
		fails  bool
	}{
		{"nothing wrong", func(*Config) {}, false},
		{"a taken address", func(c *Config) { c.Listen = taken.Addr().String() }, true},
		{"a taken address for metrics", func(c *Config) { c.MetricsListen = taken.Addr().String() }, true},
		{"a missing certificate", func(c *Config) { c.TLSCert, c.TLSKey = "/nowhere/cert", "/nowhere/key" }, true},
		{"a folder that is a file", func(c *Config) { c.DataDir = os.Args[0] }, true},
	} {
		t.Run(test.what, func(t *testing.T) {
			goroutines, files := runtime.NumGoroutine(), openFiles()
			c := config
			test.change(&c)
			s, err := New(c)
			if (err != nil) != test.fails {
				t.Fatalf("New: %v", err)
			}
			if err == nil {
				if _, err := New(c); !errors.Is(err, store.ErrLocked) {
					t.Errorf("a second server on the folder: %v", err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			servertest.Eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
			if n := openFiles(); n > files {
				t.Errorf("%d files are left open", n-files)
			}
			again, err := New(config) // nor is the folder locked
			if err != nil {
				t.Fatal(err)
			}
			_ = again.Close()
		})
	}
}
