package edge

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"sync"
)

// serve serves a handshake, or passes on what is none.
func (s *newSocket) serve(t *shift) {
	if s.head == 0 {
		s.pass(s.sent.bytes, nil)
		return
	}
	router := s.listener.router
	in := heads.Get().(*headReader)
	r, err := in.request(s.sent.bytes[:s.head])
	heads.Put(in)
	if err != nil || !router.takesSocket(r) {
		s.pass(s.sent.bytes, nil)
		return
	}
	r.RemoteAddr = s.remote.String()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	s.gone = cancel
	if s.clientLeft {
		cancel()
	}
	s.mu.Unlock()
	w := &polledResponse{recorded: recorded{header: make(http.Header, 8)}, from: s, shift: t}
	defer w.finish()
	router.ServeHTTP(w, r.WithContext(&polledContext{ctx, s.place, t}))
}

// polledContext is the context of a request that a poller has read.
type polledContext struct {
	context.Context
	place *place
	shift *shift
}

// Value implements context.Context.
func (c *polledContext) Value(key any) any {
	switch key.(type) {
	case placeKey:
		if c.place != nil {
			return c.place
		}
		return nil
	case shiftKey:
		return c.shift.end
	}
	return c.Context.Value(key)
}

// headReader reads a request from memory.
type headReader struct {
	bytes bytes.Reader
	lines *bufio.Reader
}

var heads = sync.Pool{New: func() any {
	return &headReader{lines: bufio.NewReaderSize(nil, maxHandshakeBytes)}
}}

func (h *headReader) request(head []byte) (*http.Request, error) {
	h.bytes.Reset(head)
	h.lines.Reset(&h.bytes)
	return http.ReadRequest(h.lines)
}

// polledResponse is the response to a request that a poller has read: the handler takes the socket,
// or net/http sends what the handler has written.
type polledResponse struct {
	recorded
	from  *newSocket
	shift *shift
	taken bool
}

// take implements taker.
func (w *polledResponse) take(r reader, key string) (taken connSocket, early []byte, err error) {
	from := w.from
	if early = from.sent.bytes[from.head:]; len(early) > 0 {
		w.shift.end() // its frames may take long
	}
	s := &polledSocket{poller: from.poller, fd: from.fd}
	s.socket = socket{transport: s, reader: r, limits: from.poller.limits, out: buffers.Get().(*buffer)}
	writeHandshake(s.out, w.header, key)
	from.mu.Lock()
	defer from.mu.Unlock()
	w.taken = true
	if err := s.writeOut(); err != nil {
		from.end()
		return nil, nil, err
	}
	from.taken = true
	from.listener.gate.http.Add(-1)
	return s, early, nil
}

// finish ends a request. A panic has ended the response.
func (w *polledResponse) finish() {
	v := recover()
	switch {
	case w.taken:
		w.from.sent.release()
	case v != nil:
		w.from.mu.Lock()
		w.from.end()
		w.from.mu.Unlock()
	default:
		w.from.pass(w.from.sent.bytes, &w.recorded)
	}
}
