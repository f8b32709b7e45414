package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// What opens a frame: the final bit and the opcode (RFC 6455, section 5.2).
const (
	final        byte = 0x80
	continuation byte = 0x0
	text         byte = 0x1
	binaryFrame  byte = 0x2
	closeFrame   byte = 0x8
	ping         byte = 0x9
)

// abnormal is the code of a connection that ended without a close frame.
const abnormal = 1006

// bufferBytes is the size of an attacker's buffers in the system.
const bufferBytes = 64 << 10

// client is one socket of an attacker. It sends what it is told to, whether or not a WebSocket
// client may.
type client struct {
	net.Conn
	in *bufio.Reader
}

// refused is an upgrade whose response was not 101.
type refused struct{ status int }

func (r *refused) Error() string { return fmt.Sprintf("refused with HTTP %d", r.status) }

// connect opens a TCP or TLS connection from one of loopback's addresses.
func connect(ctx context.Context, from, to string, encrypted bool) (*client, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset keeps no port waiting
		// Small buffers: those of hundreds of sockets that wait are memory of this machine.
		_ = errors.Join(tcp.SetWriteBuffer(bufferBytes), tcp.SetReadBuffer(bufferBytes))
	}
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end.Add(farewell))
	}
	if encrypted {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// handshake is a request for a WebSocket, with further header lines.
func handshake(path, more string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: usher\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more + "\r\n"
}

// upgrade sends a request and reads its response; any status other than 101 is a *refused.
func (c *client) upgrade(request string) error {
	status, err := c.request(request)
	if err == nil && status != http.StatusSwitchingProtocols {
		err = &refused{status}
	}
	return err
}

// request sends a request and reads its whole response.
func (c *client) request(request string) (status int, err error) {
	if _, err := io.WriteString(c, request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	return response.StatusCode, err
}

// appendFrame appends a whole masked frame. The mask is zero, which is one of all masks, and costs
// nothing.
func appendFrame(dst []byte, first byte, payload string) []byte {
	return append(appendHeader(dst, first, uint64(len(payload))), payload...)
}

// appendHeader appends a masked frame's header, its length as short as it can be.
func appendHeader(dst []byte, first byte, length uint64) []byte {
	switch {
	case length < 126:
		dst = append(dst, first, 0x80|byte(length))
	case length < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, 0x80|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, 0x80|127), length)
	}
	return append(dst, 0, 0, 0, 0)
}

// say sends a message.
func (c *client) say(message string) error {
	_, err := c.Write(appendFrame(nil, final|text, message))
	return err
}

// next reads one frame of the server.
func (c *client) next() (first byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1])
	switch length {
	case 126:
		_, err = io.ReadFull(c.in, head[2:4])
		length = uint64(binary.BigEndian.Uint16(head[2:4]))
	case 127:
		_, err = io.ReadFull(c.in, head[2:10])
		length = binary.BigEndian.Uint64(head[2:10])
	}
	if err != nil || length > 16<<20 {
		return 0, nil, errors.Join(err, fmt.Errorf("a frame of %d bytes", length))
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(c.in, payload)
	return head[0], payload, err
}

// drain reads until the server closes or the connection ends, and returns the close code.
func (c *client) drain() (code int, err error) {
	for {
		first, payload, err := c.next()
		switch {
		case err != nil:
			return abnormal, err
		case first == final|closeFrame && len(payload) >= 2:
			return int(binary.BigEndian.Uint16(payload)), nil
		case first == final|closeFrame:
			return 1005, nil
		}
	}
}
