package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// hugeLength adds a length of 2^63-1 to a message that has begun. Every other connection goes
// on sending, a byte at a time.
func hugeLength(a *attacker) {
	a.swarm(20, func(i int) error {
		return a.with("attack", func(c *client) error {
			if _, err := c.Write(appendHeader(appendFrame(nil, text, "x"), final|continuation, 1<<63-1)); err != nil {
				return err
			}
			if i%2 == 0 {
				a.ends(c, "a continuation of 2^63-1 bytes", 1009, 1002)
				return nil
			}
			a.watch(c)
			for begin := time.Now(); ; {
				if _, err := c.Write([]byte("x")); err != nil || !a.pause(time.Millisecond) {
					return nil
				}
				if time.Since(begin) > patience {
					a.fault("a continuation of 2^63-1 bytes: the rest is still taken after %v", patience)
					return nil
				}
			}
		})
	})
}

// fragments sends one message in fragments that never end.
func fragments(a *attacker, payload string) {
	var block []byte
	for len(block) < 8<<10 {
		block = appendFrame(block, continuation, payload)
	}
	a.swarm(20, func(int) error {
		return a.with("attack", func(c *client) error {
			return a.pour(c, "fragments", appendFrame(nil, text, payload), block)
		})
	})
}

// emptyMessages must end the connection as soon as its burst is spent.
func emptyMessages(a *attacker) {
	var block []byte
	for range 1000 {
		block = appendFrame(block, final|text, "")
	}
	a.swarm(20, func(int) error {
		return a.with("attack", func(c *client) error { return a.pour(c, "empty messages", block, block) })
	})
}

// broken are frames that must be answered by 1002, as soon as their header is there.
var broken = map[string][]byte{
	"an unmasked frame":                {final | text, 2, '{', '}'},
	"a length with its top bit set":    append(binary.BigEndian.AppendUint64([]byte{final | text, 0x80 | 127}, 1<<63), 0, 0, 0, 0),
	"a length that is not minimal":     {final | text, 0x80 | 126, 0, 5, 0, 0, 0, 0},
	"a long length that is not":        append(binary.BigEndian.AppendUint64([]byte{final | text, 0x80 | 127}, 500), 0, 0, 0, 0),
	"a reserved bit":                   {final | 0x40 | text, 0x80 | 5, 0, 0, 0, 0},
	"a reserved opcode":                {final | 0x3, 0x80 | 5, 0, 0, 0, 0},
	"a reserved control opcode":        {final | 0xb, 0x80 | 5, 0, 0, 0, 0},
	"a control frame over 125 bytes":   {final | ping, 0x80 | 126, 0, 126, 0, 0, 0, 0},
	"a fragmented control frame":       {ping, 0x80 | 1, 0, 0, 0, 0},
	"a continuation of nothing":        {final | continuation, 0x80 | 5, 0, 0, 0, 0},
	"a new message inside of another":  appendHeader(appendFrame(nil, text, "x"), final|text, 5),
	"a binary one inside of a message": appendHeader(appendFrame(nil, text, "x"), binaryFrame, 5),
}

func brokenFrames(a *attacker) {
	var names []string
	for name := range broken {
		names = append(names, name)
	}
	a.swarm(2*len(names), func(i int) error {
		return a.with("attack", func(c *client) error {
			name := names[i%len(names)]
			if _, err := c.Write(broken[name]); err != nil {
				return err
			}
			a.ends(c, name, 1002)
			return nil
		})
	})
}

// unreadPongs floods with the longest pings and reads nothing.
func unreadPongs(a *attacker) {
	var block []byte
	for range 64 {
		block = appendFrame(block, final|ping, strings.Repeat("p", 125))
	}
	a.swarm(200, func(int) error {
		return a.with("attack", func(c *client) error {
			for !a.over() {
				// it waits as soon as the server reads no more
				if _, err := c.Write(block); err != nil {
					return err
				}
				a.count("pings", 64)
			}
			return nil
		})
	})
}

// afterTheEnd breaks the protocol and goes on sending messages, which nobody may look at any more.
func afterTheEnd(a *attacker) {
	block := append([]byte(nil), broken["an unmasked frame"]...)
	for len(block) < 256<<10 {
		block = appendFrame(block, final|text, `{"type":"PING"}`)
	}
	a.swarm(50, func(int) error {
		return a.with("attack", func(c *client) error {
			first, payload, err := byte(0), []byte(nil), error(nil)
			go func() { _, _ = c.Write(block) }()
			if first, payload, err = c.next(); err == nil && (first != final|closeFrame || len(payload) < 2) {
				a.fault("after a broken frame: a frame %#x instead of a close", first)
			}
			return err
		})
	})
}

// hiddenFrames puts frames into what a handshake must not have. None may become a WebSocket.
func hiddenFrames(a *attacker) {
	frame := string(appendFrame(nil, final|text, `{"type":"PING"}`))
	usual := handshake("/ws?roomId=attack", "")
	requests := map[string]string{
		"a body":         handshake("/ws?roomId=attack", "Content-Length: 21\r\n") + frame,
		"a chunked body": handshake("/ws?roomId=attack", "Transfer-Encoding: chunked\r\n") + "15\r\n" + frame + "\r\n0\r\n\r\n",
		"HTTP/1.0":       strings.Replace(usual, "HTTP/1.1", "HTTP/1.0", 1),
		"HEAD":           strings.Replace(usual, "GET", "HEAD", 1),
		"POST":           strings.Replace(usual, "GET", "POST", 1),
		"two keys":       handshake("/ws?roomId=attack", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
		"two versions":   handshake("/ws?roomId=attack", "Sec-WebSocket-Version: 13\r\n"),
		"version 12":     strings.Replace(usual, "Version: 13", "Version: 12", 1),
	}
	var names []string
	for name := range requests {
		names = append(names, name)
	}
	a.swarm(len(names), func(i int) error {
		c, err := connect(a.ctx, attackerAddress, a.Address, a.TLS)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, requests[names[i]]); err != nil {
			return err
		}
		response, err := http.ReadResponse(c.in, &http.Request{Method: strings.Fields(requests[names[i]])[0]})
		if err != nil {
			return err
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			a.fault("a handshake with %s became a WebSocket", names[i])
			return errors.New("accepted")
		}
		a.count("refused", 1)
		return nil
	})
}
