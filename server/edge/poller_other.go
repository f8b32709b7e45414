//go:build !linux

package edge

import (
	"errors"
	"net"
)

// poller exists on Linux only; elsewhere each connection has a goroutine.
type poller struct{}

// polledListener exists on Linux only; elsewhere net/http accepts all sockets.
type polledListener struct{}

// Serve serves a listener until it fails or the HTTP server ends.
func (e *Edge) Serve(l net.Listener) error { return e.http.Serve(e.Gated(l)) }

func newPoller(*socketLimits) (*poller, error) { return nil, nil }

func (*poller) take(net.Conn, reader) (connSocket, error) { return nil, errors.ErrUnsupported }
func (*poller) run() error                                { return nil }
func (*poller) pass() <-chan struct{}                     { return nil }
func (*poller) each(func(reader))                         {}
func (*poller) stop()                                     {}
