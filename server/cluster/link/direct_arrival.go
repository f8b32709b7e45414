package link

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxStrangers bounds the connections of those who have not proved to be a node. Each may take
	// some 300 KiB, most of it the longest certificates that crypto/tls reads.
	maxStrangers = 32
	// maxStrangersOfOne bounds those from one address, or one /64 of IPv6, which has no more use
	// for them: whoever opens connections there and says nothing leaves places for nodes.
	maxStrangersOfOne = maxStrangers / 4
	// acceptInterval bounds the handshakes, each of which takes a third of a millisecond of CPU: 50
	// a second. More wait in the system's queue.
	acceptInterval = 20 * time.Millisecond
	// maxArrivals bounds the connections of nodes. A node that starts again has two for a moment.
	maxArrivals = 2 * MaxNodes
	// readBytes is the buffer of a connection, unless a message is larger.
	readBytes = 64 << 10
)

// arrival is a connection of another node to this one, whose messages a goroutine takes.
type arrival struct {
	from  Incarnation
	conn  *tls.Conn
	token token
	// begun is closed when its first mark has come over NATS.
	begun chan struct{}
	// receiving is held while a message is received. None is when over is set.
	receiving sync.Mutex
	over      atomic.Bool
	// heard: something has been read since the last tick. silent counts the ticks before.
	heard  atomic.Bool
	silent int
}

// strangers are the connections of those who have not proved to be a node.
type strangers struct {
	// places has one for each of them.
	places chan struct{}
	mu     sync.Mutex
	// from counts them by address.
	from map[netip.Prefix]int
}

// enter counts a connection that has a place, until leave. It returns false, and the place is free
// again, if its address has too many.
func (s *strangers) enter(conn net.Conn) (leave func(), ok bool) {
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	bits := 32
	address := remote.Addr().Unmap()
	if address.Is6() {
		bits = 64
	}
	from, _ := address.Prefix(bits)
	leave = func() {
		s.mu.Lock()
		if s.from[from]--; s.from[from] == 0 {
			delete(s.from, from)
		}
		s.mu.Unlock()
		<-s.places
	}
	s.mu.Lock()
	s.from[from]++
	ok = s.from[from] <= maxStrangersOfOne
	s.mu.Unlock()
	if !ok {
		leave()
	}
	return leave, ok
}

// accept takes connections, no faster than strangers may have them.
func (d *Direct) accept() {
	s := strangers{places: make(chan struct{}, maxStrangers), from: make(map[netip.Prefix]int)}
	ticker := time.NewTicker(acceptInterval)
	defer ticker.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case s.places <- struct{}{}:
		}
		raw, err := d.config.Listener.Accept()
		if err != nil && errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files
			<-s.places
		} else if leave, ok := s.enter(raw); ok {
			d.running.Go(func() { d.welcome(raw, leave) })
		} else {
			_ = raw.Close()
			continue // the next in the queue may be a node
		}
		select {
		case <-d.ctx.Done():
		case <-ticker.C:
		}
	}
}

// welcome takes the messages of a connection. It calls known once the other end has proved to be a
// node, or the connection has ended.
func (d *Direct) welcome(raw net.Conn, known func()) {
	a, received, err := d.meet(raw)
	known()
	if err != nil {
		_ = raw.Close()
		d.config.Log.Debug("a stranger was refused at the port for links", "error", withoutAddress(err))
		return
	}
	defer d.forget(a)
	wait := time.NewTimer(directTimeout)
	defer wait.Stop()
	select {
	case <-a.begun:
		a.read(received)
	case <-wait.C: // NATS has lost the mark
	case <-d.ctx.Done():
	}
}

// meet makes a stranger a node, within directTimeout.
func (d *Direct) meet(raw net.Conn) (a *arrival, received func([]byte), err error) {
	if err := raw.SetDeadline(time.Now().Add(directTimeout)); err != nil {
		return nil, nil, err
	}
	defer context.AfterFunc(d.ctx, func() { _ = raw.Close() })()
	a = &arrival{conn: tls.Server(raw, d.serve), token: newToken(), begun: make(chan struct{})}
	h, err := readHello(a.conn)
	if err != nil {
		return nil, nil, err
	}
	a.from = h.from
	if received, err = d.admit(a, h.to); err != nil {
		return nil, nil, err
	}
	if _, err = a.conn.Write(append([]byte{directVersion}, a.token[:]...)); err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		d.forget(a)
	}
	return a, received, err
}

// admit adds a connection, instead of an earlier one of the same incarnation.
func (d *Direct) admit(a *arrival, to Incarnation) (received func([]byte), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.ctx.Err() != nil:
		return nil, d.ctx.Err()
	case to != d.self || d.received == nil || a.from.ID == d.self.ID:
		return nil, fmt.Errorf("it is for another incarnation, of %s", to.ID)
	}
	for earlier := range d.arrivals {
		if earlier.from == a.from {
			earlier.end()
		}
	}
	if len(d.arrivals) >= maxArrivals {
		return nil, errors.New("too many nodes are connected")
	}
	d.arrivals[a] = struct{}{}
	return d.received, nil
}

func (d *Direct) forget(a *arrival) {
	a.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.arrivals, a)
}

// marked handles a mark of NATS.
func (d *Direct) marked(m mark) {
	d.mu.Lock()
	var a *arrival
	for other := range d.arrivals {
		if other.token == m.token {
			a = other
		}
	}
	d.mu.Unlock()
	switch {
	case a == nil:
	case m.kind == connectionBegins:
		select {
		case <-a.begun: // twice
		default:
			close(a.begun)
		}
	case m.kind == connectionEnds:
		a.end()
		a.receiving.Lock() // waits for the message that is being received
		defer a.receiving.Unlock()
	}
}

// end ends the connection. What has been read of it is not received.
func (a *arrival) end() {
	a.over.Store(true)
	abort(a.conn)
}

// tick is called in each BeatInterval. The other node sends a ping in each.
func (a *arrival) tick() {
	if a.heard.Swap(false) {
		a.silent = 0
	} else if a.silent++; a.silent > 2*BeatsMissed {
		a.end()
	}
}

// read receives messages until the connection ends, or brings what no node sends.
func (a *arrival) read(received func(message []byte)) {
	buffer := make([]byte, readBytes)
	begin, end, unreported := 0, 0, 0
	for {
		n, failed := a.conn.Read(buffer[end:]) // which may bring both
		end += n
		a.heard.Store(true)
		need := lengthBytes
		for end-begin >= lengthBytes {
			size := binary.LittleEndian.Uint32(buffer[begin:])
			if size > MaxMessageBytes {
				return
			}
			if need = lengthBytes + int(size); end-begin < need {
				break
			}
			if size == 0 {
				unreported = progressBytes
			} else if !a.receive(received, buffer[begin+lengthBytes:begin+need]) {
				return
			}
			begin, unreported, need = begin+need, unreported+need, lengthBytes
		}
		if failed != nil {
			return
		}
		if unreported >= progressBytes {
			unreported = 0
			if _, err := a.conn.Write([]byte{0}); err != nil {
				return
			}
		}
		buffer, begin, end = roomFor(buffer, begin, end, need)
	}
}

// receive reports whether the message still counts.
func (a *arrival) receive(received func([]byte), message []byte) bool {
	a.receiving.Lock()
	defer a.receiving.Unlock()
	if a.over.Load() {
		return false
	}
	received(message)
	return true
}

// roomFor moves what is unread to where a whole message of need bytes has room behind it.
func roomFor(buffer []byte, begin, end, need int) (b []byte, newBegin, newEnd int) {
	if need > len(buffer) || len(buffer) > keptBytes && need <= readBytes {
		larger := make([]byte, max(need, readBytes))
		return larger, 0, copy(larger, buffer[begin:end])
	}
	if begin == end || begin+need > len(buffer) || end == len(buffer) {
		return buffer, 0, copy(buffer, buffer[begin:end])
	}
	return buffer, begin, end
}
