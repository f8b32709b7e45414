package server

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/server/edge"
	"usher/server/servertest"
)

func alive(t *testing.T, s *Server) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	return s.Alive(ctx)
}

func TestAServerThatRespondsIsAlive(t *testing.T) {
	t.Parallel()
	cert, key := writePair(t, t.TempDir(), "a", time.Now().Add(time.Hour))
	for name, change := range map[string]func(*Config){
		"one address":     func(*Config) {},
		"localhost":       func(c *Config) { c.Listen = "localhost:0" },
		"every interface": func(c *Config) { c.Listen = ":0" },
		"TLS":             func(c *Config) { c.TLSCert, c.TLSKey = cert, key },
		// It refuses, which is a response.
		"no requests left": func(c *Config) { c.AddressRequests = edge.Rate{PerSecond: 1, Burst: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, change)
			for range 3 {
				if err := alive(t, s.Server); err != nil {
					t.Error(err)
				}
			}
			if got := s.Status(); !strings.HasPrefix(got, "Serving on ") || !strings.HasSuffix(got, ": connections 0, rooms 0.") {
				t.Errorf("its status is %q", got)
			}
			s.stop()
			if err := alive(t, s.Server); err != nil {
				t.Errorf("once it has drained: %v", err)
			}
		})
	}
}

func TestAServerThatReadsNoSocketIsNotAlive(t *testing.T) {
	t.Parallel()
	config := DefaultConfig()
	config.Listen, config.DataDir = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	s, err := New(config) // it listens, so connections are made, but it does not run
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Alive(ctx); err == nil {
		t.Error("it is taken for alive")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := alive(t, s); err == nil {
		t.Error("without its listener it is taken for alive")
	}
}

func TestInheritedListenersTakeThePlaceOfListen(t *testing.T) {
	t.Parallel()
	var listeners []net.Listener
	for range 2 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, listener)
	}
	serve(t, func(c *Config) {
		c.Listen, c.Listeners = "192.0.2.1:1", listeners // which it could not listen on
	})
	for _, listener := range listeners {
		response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
}

func TestAnInheritedListenerMustBeTCP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skip(err)
	}
	defer listener.Close()
	config := DefaultConfig()
	config.Listeners = []net.Listener{listener}
	if err := config.Validate(); err == nil || !strings.Contains(err.Error(), "not TCP") {
		t.Errorf("it is allowed: %v", err)
	}
}
