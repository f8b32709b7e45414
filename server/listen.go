package server

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// loopback are the addresses of localhost (RFC 6761, section 6.3). A browser may try either first.
var loopback = []string{"127.0.0.1", "::1"}

// listenTries is how many ports are tried for port 0: one that is free on one address may be taken
// on the other.
const listenTries = 20

// listeners returns those that were handed over or that the process was started with, or opens
// those of Listen.
func (c *Config) listeners(taken *taken) ([]net.Listener, error) {
	switch {
	case taken != nil:
		return holdable(taken.listeners), nil
	case len(c.Listeners) > 0:
		return holdable(c.Listeners), nil
	}
	listeners, err := listen(c.Listen, listenTCP)
	return holdable(listeners), err
}

// listen opens the listeners of an address with open, which is net.Listen for TCP. The host
// localhost means all of its addresses, so that nobody reaches another program on one of them: it
// is an error if one is taken, but not if the system does not have it. Port 0 becomes the same port
// on all.
func listen(address string, open func(address string) (net.Listener, error)) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		listener, err := open(address)
		if err != nil {
			return nil, err
		}
		return []net.Listener{listener}, nil
	}
	for range listenTries {
		var listeners []net.Listener
		if listeners, err = listenLoopback(port, open); port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			return listeners, err
		}
	}
	return nil, err
}

func listenLoopback(port string, open func(string) (net.Listener, error)) (listeners []net.Listener, err error) {
	var missing error
	for _, host := range loopback {
		listener, err := open(net.JoinHostPort(host, port))
		switch {
		case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
			missing = err
			continue
		case err != nil:
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, listener)
		if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
			port = strconv.Itoa(tcp.Port)
		}
	}
	if len(listeners) == 0 {
		return nil, missing
	}
	return listeners, nil
}

// ListenError reports the address that could not be listened on.
type ListenError struct {
	// Setting is the name of the setting, listen or metrics-listen, and Address its value.
	Setting, Address string
	Err              error
}

// Error implements error.
func (e *ListenError) Error() string { return e.Setting + " " + e.Address + ": " + e.Err.Error() }

// Unwrap supports errors.Is and errors.As.
func (e *ListenError) Unwrap() error { return e.Err }

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close()
	}
}

// addressesOf returns the addresses of the listeners, for the log.
func addressesOf(listeners []net.Listener) string {
	var addresses []string
	for _, listener := range listeners {
		addresses = append(addresses, listener.Addr().String())
	}
	return strings.Join(addresses, " ")
}

// taken is what another process has handed over that New needs.
type taken struct {
	// nowMs is the time by its clock.
	nowMs                       int64
	listeners, metricsListeners []net.Listener
	// listen and metricsListen are the settings that the listeners are of, "" if that is not known.
	listen, metricsListen string
}
