//go:build !linux

package edge

import (
	"errors"
	"net"
)

// poller exists on Linux only; elsewhere each connection has a goroutine.
type poller struct{}

func newPoller(*socketLimits) (*poller, error) { return nil, nil }

func (*poller) take(net.Conn, reader) (*streamSocket, error) { return nil, errors.ErrUnsupported }
func (*poller) run() error                                   { return nil }
func (*poller) pass() <-chan struct{}                        { return nil }
func (*poller) each(func(reader))                            {}
func (*poller) stop()                                        {}
