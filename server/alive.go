package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
)

// watcher is the address that Alive connects from where it can. Each loopback address counts as
// one, so the check takes nobody's place at a proxy's address.
var watcher = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}

// Alive asks the running server for /healthz, as a client would, and returns nil if it responds
// until ctx is done. A refusal is a response too: a server at its limits works, and a restart would
// only end the rooms. While it drains it listens no longer, and is alive.
func (s *Server) Alive(ctx context.Context) error {
	if s.draining.Load() {
		return nil
	}
	conn, err := s.dialOwn(ctx)
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return nil // it has all the connections that it may have
	case errors.Is(err, syscall.ECONNRESET):
		return nil // it has refused the connection, even before connect returned
	case err != nil && s.draining.Load():
		return nil
	case err != nil:
		return fmt.Errorf("it cannot be connected to: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if s.certs != nil {
		conn = tls.Client(conn, s.ownTLS())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/healthz", nil)
	if err != nil {
		return err
	}
	request.Close = true
	if err = request.Write(conn); err == nil {
		var response *http.Response
		if response, err = http.ReadResponse(bufio.NewReader(conn), request); err == nil {
			response.Body.Close()
		}
	}
	// Anything but silence comes from a server that reads its sockets.
	var silence net.Error
	if errors.As(err, &silence) && silence.Timeout() {
		return errors.New("it does not respond to /healthz")
	}
	return nil
}

func (s *Server) dialOwn(ctx context.Context) (net.Conn, error) {
	own, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("%s is not TCP", s.Addr())
	}
	to := *own
	if to.IP.IsUnspecified() {
		to.IP = net.IPv4(127, 0, 0, 1)
		conn, err := dialFrom(ctx, &to)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		to.IP = net.IPv6loopback // it serves IPv6 only
	}
	return dialFrom(ctx, &to)
}

// dialFrom connects from the watcher's address if the system has it.
func dialFrom(ctx context.Context, to *net.TCPAddr) (net.Conn, error) {
	var dialer net.Dialer
	if to.IP.To4() != nil && to.IP.IsLoopback() {
		dialer.LocalAddr = watcher
		conn, err := dialer.DialContext(ctx, "tcp", to.String())
		if !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return conn, err
		}
		dialer.LocalAddr = nil
	}
	return dialer.DialContext(ctx, "tcp", to.String())
}

// ownTLS accepts the server's own certificate, which is for another name than this one.
func (s *Server) ownTLS() *tls.Config {
	config := &tls.Config{InsecureSkipVerify: true}
	if len(s.config.TLSDomains) > 0 {
		config.ServerName = s.config.TLSDomains[0]
	}
	return config
}

// Status is one line about what the server is doing, for people.
func (s *Server) Status() string {
	connections, rooms := s.metrics.Connections.Load(), s.metrics.Rooms.Load()
	if s.draining.Load() {
		return fmt.Sprintf("Draining: connections left: %d.", connections)
	}
	return fmt.Sprintf("Serving on %s: connections %d, rooms %d.", addressesOf(s.listeners), connections, rooms)
}
