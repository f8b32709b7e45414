package server

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"usher/server/servertest"
)

func TestConnectionsInheritTheKeepAliveOfTheirListener(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "localhost:0"} {
		listener, err := listenTCP(address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		if got, want := keepAliveOf(t, accepted), keepAliveOf(t, client); got != want { // Go's own
			t.Errorf("%s: on, idle, interval and probes %d, want %d", address, got, want)
		}
	}
}

// A poller of the edge sets no option of a connection, whoever has opened the listener.
func TestConnectionsInheritWhatTheyNeedFromATakenListener(t *testing.T) {
	for name, open := range map[string]func(string) (net.Listener, error){
		"usher's":           listenTCP,
		"another program's": func(address string) (net.Listener, error) { return net.Listen("tcp", address) },
	} {
		opened, err := open("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener := holdable([]net.Listener{opened})[0].(*heldListener)
		defer listener.Close()
		fd, err := listener.Take()
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		accepted := -1
		servertest.Eventually(t, "it is accepted", func() bool {
			accepted, _, err = unix.Accept(fd)
			return err == nil
		})
		defer unix.Close(accepted)
		if got, want := optionsOf(accepted), keepAliveOf(t, client); got != want {
			t.Errorf("%s: on, idle, interval and probes %d, want %d", name, got, want)
		}
		if now, err := unix.GetsockoptInt(accepted, unix.IPPROTO_TCP, unix.TCP_NODELAY); now == 0 || err != nil {
			t.Errorf("%s: small frames wait for others: %v", name, err)
		}
	}
}

func keepAliveOf(t *testing.T, conn net.Conn) (got [4]int) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { got = optionsOf(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	return got
}

func optionsOf(fd int) (got [4]int) {
	got[0], _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	got[1], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
	got[2], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
	got[3], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
	return got
}
