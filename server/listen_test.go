package server

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// fakeListener is an opened address.
type fakeListener struct {
	net.Listener
	address *net.TCPAddr
	closed  *[]string
}

func (l *fakeListener) Addr() net.Addr { return l.address }

func (l *fakeListener) Close() error {
	*l.closed = append(*l.closed, l.address.String())
	return nil
}

func TestLocalhostIsEveryLoopbackAddress(t *testing.T) {
	const taken, absent, noFamily = syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT
	for _, test := range []struct {
		name, address string
		fails         map[string]error // by address
		firstFree     int              // what port 0 becomes, then the next
		want          string
		err           error
		closed        string
	}{
		{name: "both", address: "localhost:8787", want: "127.0.0.1:8787 [::1]:8787"},
		{name: "any case and a final dot", address: "LocalHost.:8787", want: "127.0.0.1:8787 [::1]:8787"},
		{name: "another host is itself", address: "127.0.0.1:8787", want: "127.0.0.1:8787"},
		{name: "every interface", address: ":8787", want: ":8787"},
		{name: "one is taken", address: "localhost:8787", fails: map[string]error{"[::1]:8787": taken}, err: taken, closed: "127.0.0.1:8787"},
		{name: "the other is taken", address: "localhost:8787", fails: map[string]error{"127.0.0.1:8787": taken}, err: taken},
		{name: "no IPv6 address", address: "localhost:8787", fails: map[string]error{"[::1]:8787": absent}, want: "127.0.0.1:8787"},
		{name: "no IPv6 at all", address: "localhost:8787", fails: map[string]error{"[::1]:8787": noFamily}, want: "127.0.0.1:8787"},
		{name: "no IPv4", address: "localhost:8787", fails: map[string]error{"127.0.0.1:8787": absent}, want: "[::1]:8787"},
		{name: "neither", address: "localhost:8787", fails: map[string]error{"127.0.0.1:8787": absent, "[::1]:8787": absent}, err: absent},
		{name: "a free port", address: "localhost:0", firstFree: 7000, want: "127.0.0.1:7000 [::1]:7000"},
		{name: "a port that is free on one only", address: "localhost:0", firstFree: 7000, fails: map[string]error{"[::1]:7000": taken, "[::1]:7001": taken},
			want: "127.0.0.1:7002 [::1]:7002", closed: "127.0.0.1:7000 127.0.0.1:7001"},
	} {
		var closed []string
		free := test.firstFree
		listeners, err := listen(test.address, func(address string) (net.Listener, error) {
			if err := test.fails[address]; err != nil {
				return nil, os.NewSyscallError("bind", err)
			}
			tcp, err := net.ResolveTCPAddr("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if tcp.Port == 0 {
				tcp.Port, free = free, free+1
			}
			return &fakeListener{address: tcp, closed: &closed}, nil
		})
		if got := addressesOf(listeners); got != test.want || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%s: %q, %v; want %q, %v", test.name, got, err, test.want, test.err)
		}
		if got := strings.Join(closed, " "); got != test.closed {
			t.Errorf("%s: closes %q, want %q", test.name, got, test.closed)
		}
	}
}

func TestAServerOnLocalhostAnswersOnAllOfIt(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.Listen = "localhost:0" })
	_, port, err := net.SplitHostPort(s.address())
	if err != nil {
		t.Fatal(err)
	}
	for _, listener := range s.listeners {
		response, err := http.Get("http://" + listener.Addr().String() + "/health")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if !strings.HasSuffix(listener.Addr().String(), ":"+port) {
			t.Errorf("%s is on another port than %s", listener.Addr(), port)
		}
	}
	for _, host := range loopback {
		probe, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue // the system does not have it
		}
		probe.Close()
		conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		conn.Close()
	}
	config := s.config
	config.DataDir, config.Listen = t.TempDir(), "localhost:"+port
	if second, err := New(config); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server on the port: %v, %v", second, err)
	}
}
