package server

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Go's defaults for the keep-alive of a connection.
const (
	keepAliveSeconds = 15
	keepAliveProbes  = 9
)

// listenTCP is net.Listen for TCP. Connections inherit the keep-alive from the listener, which
// spares each of them four system calls. An old kernel may refuse that to a socket of Multipath
// TCP, which Go listens on by default; then Go sets it for each connection.
func listenTCP(address string) (net.Listener, error) {
	var refused error
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		if err := c.Control(func(fd uintptr) { refused = keepAlive(int(fd)) }); err != nil {
			return err
		}
		return refused
	}}
	listener, err := config.Listen(context.Background(), "tcp", address)
	if refused != nil {
		return net.Listen("tcp", address)
	}
	return listener, err
}

func keepAlive(fd int) error {
	for _, option := range [][3]int{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveSeconds},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveSeconds},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
	} {
		if err := unix.SetsockoptInt(fd, option[0], option[1], option[2]); err != nil {
			return err
		}
	}
	return nil
}
