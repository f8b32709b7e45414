//go:build !linux

package server

import (
	"errors"
	"net"
)

// poller is there on Linux alone; elsewhere each connection has a goroutine.
type poller struct{}

type polledConn struct {
	net.Conn
	ended func()
	read  func([]byte)
}

// readBufferBytes is what one read takes at most.
const readBufferBytes = 4 << 10

func newPoller() (*poller, error) { return nil, nil }

func (*poller) take(*net.TCPConn, int) (*polledConn, error) { return nil, errors.ErrUnsupported }
func (*poller) run() error                                  { return nil }
func (*poller) stop()                                       {}

func (*polledConn) poll() error { return errors.ErrUnsupported }
