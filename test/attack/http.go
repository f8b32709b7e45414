package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// handshakes opens WebSockets and closes them.
func handshakes(a *attacker) {
	a.swarm(50, func(i int) error {
		return a.with(fmt.Sprintf("attack-%d", i), func(*client) error { return nil })
	})
}

// tlsHandshakes costs the server a signature each.
func tlsHandshakes(a *attacker) {
	a.swarm(50, func(int) error {
		c, err := connect(a.ctx, attackerAddress, a.Address, true)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, "G"); err != nil { // the handshake comes first
			return err
		}
		a.count("handshakes", 1)
		return nil
	})
}

// census counts the sockets of one address that stay, and holds the server to how many may: what is
// over that is refused or closed, and sooner than any deadline of a request.
type census struct {
	a *attacker
	// keepsAlive reports that a response is not the end.
	keepsAlive bool
	mu         sync.Mutex
	open       map[*client]time.Time // since when
	most       int                   // that stayed
}

func (a *attacker) census(keepsAlive bool) *census {
	return &census{a: a, keepsAlive: keepsAlive, open: map[*client]time.Time{}}
}

// hold keeps the socket until the server ends it or the time is up, and calls tick ten times a
// second.
func (s *census) hold(c *client, tick func() error) error {
	gone := make(chan struct{})
	_ = c.SetDeadline(time.Time{}) // it is counted after the end, too
	s.mu.Lock()
	s.open[c] = time.Now()
	s.mu.Unlock()
	go func() {
		_, _ = c.in.ReadByte() // the end, or a close frame
		if s.keepsAlive {
			_, _ = io.Copy(io.Discard, c.in)
		}
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		c.Close()
		close(gone)
	}()
	for {
		select {
		case <-gone:
			s.a.count("ended by the server", 1)
			return nil
		case <-s.a.ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
		if err := tick(); err != nil {
			<-gone
			return err
		}
	}
}

// take lets attackers hold sockets and judges how many stay.
func (s *census) take(n int, what string, one func(i int) error) {
	const settled, lasting, rest = time.Second, 1500 * time.Millisecond, 3 * time.Second
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.a.swarm(n, one)
		time.Sleep(rest)
	}()
	var above time.Time // since when there are too many
	for counting := true; counting; {
		select {
		case <-done:
			counting = false
		case <-time.After(50 * time.Millisecond):
		}
		if n := s.staying(settled); n <= connectionsOfAnAddress+10 {
			above = time.Time{}
		} else if above.IsZero() {
			above = time.Now()
		} else if time.Since(above) > lasting {
			s.a.fault("more than %d %s of one address at a time", connectionsOfAnAddress, what)
		}
	}
	s.a.count("open at most", s.most)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
}

// staying is how many sockets have been open for a while.
func (s *census) staying(while time.Duration) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, since := range s.open {
		if time.Since(since) > while {
			n++
		}
	}
	s.most = max(s.most, n)
	return n
}

// slowHTTP never finishes a header, or a body.
func slowHTTP(a *attacker) {
	sockets := a.census(true)
	sockets.take(600, "sockets that speak HTTP", func(i int) error {
		c, err := connect(a.ctx, attackerAddress, a.Address, a.TLS)
		if err != nil {
			return err
		}
		begin := "GET /health HTTP/1.1\r\nHost: usher\r\nX-Slow: "
		if i%3 == 2 {
			begin = "POST /health HTTP/1.1\r\nHost: usher\r\nContent-Length: 16000\r\n\r\n"
		}
		if _, err := io.WriteString(c, begin); err != nil {
			c.Close()
			return err
		}
		return sockets.hold(c, func() error {
			_, err := io.WriteString(c, "x")
			return err
		})
	})
}

// httpFlood asks for everything that is not for sockets.
func httpFlood(a *attacker) {
	paths := []string{"/", "/page.js", "/health", "/readyz", "/rooms/" + a.Room, "/rooms/no-such-room", "/turn-credentials?userId=attacker", "/nowhere"}
	a.swarm(100, func(i int) error {
		c, err := connect(a.ctx, attackerAddress, a.Address, a.TLS)
		if err != nil {
			return err
		}
		defer c.Close()
		for n := i; !a.over(); n++ {
			status, err := c.request("GET " + paths[n%len(paths)] + " HTTP/1.1\r\nHost: usher\r\n\r\n")
			if err != nil {
				return err
			}
			a.count(fmt.Sprintf("HTTP %d", status), 1)
		}
		return nil
	})
}

// scrapes reads /metrics on connections that stay open.
func scrapes(a *attacker) {
	a.swarm(40, func(int) error {
		c, err := connect(a.ctx, attackerAddress, a.Address, a.TLS)
		if err != nil {
			return err
		}
		defer c.Close()
		for !a.over() {
			status, err := c.request("GET /metrics HTTP/1.1\r\nHost: usher\r\n\r\n")
			if err != nil {
				return err
			}
			a.count(fmt.Sprintf("HTTP %d", status), 1)
		}
		return nil
	})
}

// logFlood does what might be logged: unknown paths, malformed requests, failed
// handshakes, broken frames.
func logFlood(a *attacker) {
	requests := []string{
		"GET /" + strings.Repeat("%0a", 300) + " HTTP/1.1\r\nHost: usher\r\nConnection: close\r\n\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: usher\r\nOrigin: https://" + strings.Repeat("o", 300) + "\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"nonsense\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no client hello",
		"GET /ws?roomId=%00 HTTP/1.1\r\nHost: usher\r\nConnection: close\r\n\r\n",
		"GET /ws?roomId=attack HTTP/1.1\r\nHost: usher\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET /turn-credentials?userId=" + strings.Repeat("u", 2000) + " HTTP/1.1\r\nHost: usher\r\nX-Forwarded-For: ,,,\r\nConnection: close\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		handshake("/ws?roomId=attack", "") + string(broken["an unmasked frame"]),
		handshake("/ws?roomId=attack", "") + string(appendFrame(nil, final|text, "\xff")),
		handshake("/ws?roomId=attack", "") + string(appendFrame(nil, final|closeFrame, "\x03\xec")),
	}
	a.swarm(40, func(i int) error {
		c, err := connect(a.ctx, attackerAddress, a.Address, a.TLS && i%2 == 0)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := io.WriteString(c, requests[(i/2)%len(requests)]); err != nil {
			return err
		}
		_, _ = c.in.ReadByte()
		a.count("requests", 1)
		return nil
	})
}

// forged opens WebSockets with a header made for each.
func (a *attacker) forged(header func(i int) string) {
	sockets := a.census(false)
	sockets.take(2*connectionsOfAnAddress, "WebSockets", func(i int) error {
		c, err := a.openFrom(attackerAddress, fmt.Sprintf("forged-%02d", i/8), header(i))
		if err != nil {
			return err
		}
		return sockets.hold(c, func() error { return nil })
	})
}

// forgedAddress: this address is no trusted proxy, and names other addresses.
func forgedAddress(a *attacker) {
	a.forged(func(i int) string {
		return fmt.Sprintf("X-Forwarded-For: 198.51.100.%d, 203.0.113.%d\r\nX-Real-IP: 203.0.113.%d\r\nForwarded: for=203.0.113.%d\r\n", i%250, i%250, i%250, i%250)
	})
}

// brokenProxy is a trusted proxy that sends nothing readable. All requests that come so share one
// limit.
func brokenProxy(a *attacker) {
	headers := []string{"unknown", "_hidden", "203.0.113.%d.5", "[203.0.113.%d", "\"203.0.113.%d\"", ",", "203.0.113.%d:http", "x%d, ,"}
	var once sync.Once
	a.forged(func(i int) string {
		once.Do(func() { a.count("kinds of header", len(headers)+1) })
		if i%(len(headers)+1) == len(headers) { // more hops than a chain has
			return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d%s\r\n", i%250, strings.Repeat(", 127.0.0.2", 200))
		}
		value := headers[i%(len(headers)+1)]
		if strings.Contains(value, "%d") {
			value = fmt.Sprintf(value, i%250)
		}
		return "X-Forwarded-For: " + value + "\r\n"
	})
}
