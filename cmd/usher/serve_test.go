package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher/server"
	"usher/server/store"
)

func TestSignalsReloadDrainAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		var logged bytes.Buffer
		signals := make(chan os.Signal)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go obey(ctx, signals,
			func() error { did = append(did, "reload"); return errors.New("no such certificate") },
			func() { did = append(did, "upgrade") },
			func() { did = append(did, "drain") },
			func(status int) { did = append(did, fmt.Sprint("exit ", status)) },
			slog.New(slog.NewTextHandler(&logged, nil)))
		for _, step := range []struct {
			after  time.Duration
			signal os.Signal
			want   string
		}{
			{0, syscall.SIGHUP, "reload"},
			{0, syscall.SIGTERM, "reload drain"},
			{echo - 1, syscall.SIGTERM, "reload drain"}, // the same Ctrl-C again
			{0, syscall.SIGHUP, "reload drain reload"},
			{1, syscall.SIGINT, "reload drain reload exit 1"},
		} {
			time.Sleep(step.after) // the bubble's clock: no real time passes
			signals <- step.signal
			synctest.Wait()
			if got := strings.Join(did, " "); got != step.want {
				t.Errorf("after %v it did %q, want %q", step.signal, got, step.want)
			}
		}
		if !strings.Contains(logged.String(), "no such certificate") {
			t.Errorf("a failed reload is not in the log:\n%s", &logged)
		}
	})
}

func TestASecondServerIsExplained(t *testing.T) {
	config := server.DefaultConfig()
	for _, test := range []struct {
		err        error
		text, hint string
	}{
		{nil, "", ""},
		{fmt.Errorf("opening: %w", store.ErrLocked), "./usher-data is in use", "--data"},
		{&server.ListenError{Setting: "listen", Address: "localhost:8787", Err: syscall.EADDRINUSE}, "localhost:8787 is in use", "--listen"},
		{&server.ListenError{Setting: "metrics-listen", Address: ":9090", Err: syscall.EADDRINUSE}, ":9090 is in use", "--metrics-listen"},
		{&server.ListenError{Setting: "listen", Address: ":80", Err: syscall.EACCES}, "listen :80: permission denied", "1024"},
		{
			&server.ListenError{Setting: "listen", Address: "192.0.2.1:1", Err: &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}},
			"error: listen 192.0.2.1:1: cannot assign requested address\n", ":8787",
		},
		{&server.ListenError{Setting: "listen", Address: "a.invalid:1", Err: &net.OpError{Op: "listen", Net: "tcp", Err: errors.New("no such host")}}, "error: listen a.invalid:1: no such host\n", ""},
		{&fs.PathError{Op: "mkdir", Path: "./usher-data", Err: fs.ErrPermission}, "mkdir ./usher-data: permission denied", "--data"},
		{&fs.PathError{Op: "open", Path: "usher-data/rooms.db", Err: fs.ErrPermission}, "rooms.db: permission denied", "--data"},
		{&fs.PathError{Op: "open", Path: "admin.token", Err: fs.ErrPermission}, "admin.token: permission denied", ""},
		{errors.New("the disk is on fire"), "the disk is on fire", ""},
	} {
		var out bytes.Buffer
		if err := explainServe(config, test.err); err != nil {
			report(&out, err, origins{})
		}
		if !strings.Contains(out.String(), test.text) || strings.Contains(out.String(), "hint: ") != (test.hint != "") || !strings.Contains(out.String(), test.hint) {
			t.Errorf("%v is told as\n%s", test.err, &out)
		}
	}
}

func TestBaseURLIsWhatABrowserWrites(t *testing.T) {
	for _, test := range []struct {
		listen, cert string
		domains      []string
		want         string
	}{
		{"localhost:8787", "", nil, "://localhost:8787"},
		{":8787", "", nil, "://localhost:8787"},
		{"0.0.0.0:80", "", nil, "://localhost"},
		{"[::]:8787", "", nil, "://localhost:8787"},
		{"[::1]:80", "", nil, "://[::1]"},
		{"[fd00::7]:8787", "", nil, "://[fd00::7]:8787"},
		{":443", "cert.pem", nil, "s://localhost"},
		{":8443", "", []string{"usher.example", "b.example"}, "s://usher.example:8443"},
		{":443", "", []string{"usher.example"}, "s://usher.example"},
		{":80", "cert.pem", nil, "s://localhost:80"},
	} {
		config := server.Config{Listen: test.listen, TLSCert: test.cert, TLSDomains: test.domains}
		if got := baseURL(config); got != test.want {
			t.Errorf("baseURL of %s, cert %q, domains %q is %s, want %s", test.listen, test.cert, test.domains, got, test.want)
		}
	}
}

func TestBannerSaysWhereTheServerIs(t *testing.T) {
	var out bytes.Buffer
	writeBanner(&out, server.DefaultConfig(), style{})
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("not on a terminal it writes %q", &out)
	}
	for _, want := range []string{"http://localhost:8787/\n", "ws://localhost:8787/ws", "http://localhost:8787/health", "./usher-data"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, &out)
		}
	}
	config := server.DefaultConfig()
	config.Page = false
	out.Reset()
	if writeBanner(&out, config, style{}); strings.Contains(out.String(), "http://localhost:8787/\n") {
		t.Errorf("it names a page that is not served: %s", &out)
	}
}
