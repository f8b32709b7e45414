package main

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"usher/server/frame"
)

// The bare relay: the floor that usher is measured against. net/http is in
// front; an epoll loop reads the socket, usher's own frame reader finds the
// messages, and the same bytes are written to the other socket of the pair, each
// in its own frame and system call. There are no checks, no limits, no
// deadlines and no rooms.

// bareSocket is one side of a pair.
type bareSocket struct {
	fd      int32
	frames  frame.Reader
	partner *atomic.Pointer[bareSocket]
}

// bareLoop is an epoll and the sockets in it, by descriptor.
type bareLoop struct {
	epoll   int
	mu      sync.Mutex
	sockets []*bareSocket
}

func runBare(ctx context.Context, args []string) error {
	pairs := newPairing[bareSocket]()
	return serveHTTP(ctx, "bare", args, func(pollers int) (http.HandlerFunc, error) {
		if pollers == 0 {
			pollers = max(1, runtime.NumCPU()/4)
		}
		loops := make([]*bareLoop, pollers)
		for i := range loops {
			epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			if err != nil {
				return nil, err
			}
			loops[i] = &bareLoop{epoll: epoll}
			go loops[i].run()
		}
		var next atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			s := new(bareSocket)
			own, partner := pairs.take(r.FormValue("roomId"), r.FormValue("seat"))
			s.partner = partner
			if err := s.upgrade(w, r.Header.Get("Sec-WebSocket-Key")); err != nil {
				return
			}
			own.Store(s)
			s.send(welcome, nil)
			loops[next.Add(1)%int64(len(loops))].add(s)
		}, nil
	})
}

// upgrade answers the handshake and takes the socket from net/http.
func (s *bareSocket) upgrade(w http.ResponseWriter, key string) error {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		var duplicate int
		duplicate, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		s.fd = int32(duplicate)
	}); controlErr != nil {
		return controlErr
	}
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	return err
}

func (l *bareLoop) add(s *bareSocket) {
	l.mu.Lock()
	for int(s.fd) >= len(l.sockets) {
		l.sockets = append(l.sockets, nil)
	}
	l.sockets[s.fd] = s
	l.mu.Unlock()
	unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(s.fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.fd})
}

// run reads each socket that is ready once.
func (l *bareLoop) run() {
	events := make([]unix.EpollEvent, 256)
	read, written := make([]byte, 16<<10), make([]byte, 0, 128<<10)
	for {
		n, _ := unix.EpollWait(l.epoll, events, -1)
		for i := range max(n, 0) {
			l.mu.Lock()
			s := l.sockets[events[i].Fd]
			l.mu.Unlock()
			if n, err := unix.Read(int(s.fd), read); n > 0 {
				s.relay(read[:n], written)
			} else if err != unix.EAGAIN {
				s.end()
			}
		}
	}
}

// relay passes the messages in data on. A close frame is the end of the socket.
func (s *bareSocket) relay(data, scratch []byte) {
	for len(data) > 0 {
		m, n, err := s.frames.Next(data, 64<<10)
		data = data[n:]
		switch {
		case err != nil, m.Op == frame.Close:
			s.end()
			return
		case m.Op == frame.Text:
			if other := s.partner.Load(); other != nil {
				other.send(m.Payload, scratch)
			}
		}
	}
}

// send writes a message. The generator keeps few in flight, so they always fit in the socket.
func (s *bareSocket) send(payload, scratch []byte) {
	unix.Write(int(s.fd), frame.Append(scratch[:0], frame.Text, payload))
}

func (s *bareSocket) end() { unix.Close(int(s.fd)) }

// pairing finds the two sockets of a pair while they connect, and
// forgets a pair once it is complete.
type pairing[S any] struct {
	mu   sync.Mutex
	half map[string]*[2]atomic.Pointer[S]
}

func newPairing[S any]() *pairing[S] { return &pairing[S]{half: map[string]*[2]atomic.Pointer[S]{}} }

// take returns the slot of a socket and that of its partner. Seats 0 and 1 of
// a room are a pair, so are 2 and 3.
func (p *pairing[S]) take(room, seat string) (own, partner *atomic.Pointer[S]) {
	pair, side := "0", 0
	if seat == "2" || seat == "3" {
		pair = "2"
	}
	if seat == "1" || seat == "3" {
		side = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := room + "/" + pair
	slots := p.half[key]
	if slots == nil {
		slots = new([2]atomic.Pointer[S])
		p.half[key] = slots
	} else {
		delete(p.half, key)
	}
	return &slots[side], &slots[1-side]
}

// welcome reports to a socket that its pair knows it. The generator takes it for the reply to a
// join.
var welcome = []byte(`{"type":"ROOM_JOINED"}`)

// serveHTTP serves WebSockets on the address given in args until its standard input ends, which it
// does with the program that started it. prepare gets the number of poller threads, 0 for the
// server's default, and returns the handler of /ws.
func serveHTTP(ctx context.Context, name string, args []string, prepare func(pollers int) (http.HandlerFunc, error)) error {
	flags := newFlags(name, "Run by the other subcommands; serves until its standard input ends.")
	address := flags.String("listen", "", "`address` to serve on")
	pollers := flags.Int("pollers", 0, "poller threads, 0 for a quarter of the cores")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	go func() { io.Copy(io.Discard, os.Stdin); stop() }()
	handler, err := prepare(*pollers)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/ws", handler)
	server := http.Server{Handler: mux}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
