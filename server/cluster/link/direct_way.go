package link

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// keptBytes bounds the buffers that are kept for what comes next: a turn's message fits.
const keptBytes = TurnBytes + lengthBytes

// way leads to one other incarnation: directly if conn is set, else over NATS. It has a goroutine
// that dials and writes, and one that reads while it is connected.
type way struct {
	direct   *Direct
	self, to Incarnation
	ctx      context.Context
	cancel   context.CancelFunc

	mu sync.Mutex
	// more is signaled when out, conn or over changes.
	more sync.Cond
	// conn is nil while NATS is used, and token names it. out waits to be written to it.
	conn  *tls.Conn
	token token
	out   []byte
	// broken is why a connection ended that messages may have been lost with. The next Send
	// returns it, so that the link breaks before the other node finds a message missing.
	broken error
	// over ends run, once what waits has been written.
	over bool
	// heard: the other node has read something since the last tick. silent counts the ticks before
	// in which it had not, and unused those in which nothing was sent.
	heard          bool
	used           bool
	silent, unused int
}

func newWay(d *Direct, self, to Incarnation) *way {
	w := &way{direct: d, self: self, to: to}
	w.more.L = &w.mu
	w.ctx, w.cancel = context.WithCancel(d.ctx)
	return w
}

var errBehind = errors.New("the other node reads too slowly")

// send sends a message, and waits for nobody to take it but, while it goes over NATS, NATS.
func (w *way) send(message []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = true
	if err := w.broken; err != nil {
		w.broken = nil
		return err
	}
	if w.conn == nil {
		return w.direct.config.NATS.Send(w.to, message)
	}
	if len(w.out)+lengthBytes+len(message) > directPendingBytes {
		w.failLocked(w.conn, errBehind)
		w.broken = nil
		return errBehind
	}
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(len(message)))
	w.out = append(w.out, message...)
	w.more.Signal()
	return nil
}

func (w *way) isDirect() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conn != nil
}

// end ends the way: what waits is written first, if flush is set.
func (w *way) end(flush bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.conn != nil && flush {
		_ = w.conn.SetDeadline(time.Now().Add(directTimeout))
	} else if w.conn != nil {
		abort(w.conn)
	}
	w.cancel()
	w.more.Signal()
}

// tick is called in each BeatInterval. It reports whether nobody has used the way for long.
func (w *way) tick() (forgotten bool) {
	w.mu.Lock()
	used := w.used
	if w.used = false; used {
		w.unused = 0
	} else if w.unused++; w.unused > forgetTicks {
		w.mu.Unlock()
		w.end(true)
		return true
	}
	defer w.mu.Unlock()
	if w.conn == nil {
		return false
	}
	if w.heard {
		w.heard, w.silent = false, 0
	} else if w.silent++; w.silent >= BeatsMissed {
		w.failLocked(w.conn, errors.New("the other node has read nothing for 2 s"))
		return false
	}
	w.out = append(w.out, 0, 0, 0, 0)
	w.more.Signal()
	return false
}

// run keeps a connection, until the way is over.
func (w *way) run() {
	failures := 0
	for pause := redialFirst; ; pause = min(2*pause, redialMost) {
		address, conn, t, err := w.connect()
		if err == nil {
			w.direct.dialed(w.to, address, nil)
			failures = 0
			began := time.Now()
			w.carry(conn, t)
			if time.Since(began) > redialMost {
				pause = redialFirst
			}
		} else if failures++; failures > 1 && address != "" && w.ctx.Err() == nil {
			// The first failure may be that of a node which stops.
			w.direct.dialed(w.to, address, err)
		}
		select {
		case <-w.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// connect makes a connection that the other node takes. address is "" if it has none.
func (w *way) connect() (address string, conn *tls.Conn, t token, err error) {
	ctx, cancel := context.WithTimeout(w.ctx, directTimeout)
	defer cancel()
	d := w.direct
	reply, err := d.config.NATS.conn.RequestWithContext(ctx, d.addressSubject(w.to), nil)
	if err != nil {
		return "", nil, t, err
	}
	address = string(reply.Data)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", nil, t, err
	}
	dialer := net.Dialer{}
	if d.config.From != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: d.config.From}
	}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return address, nil, t, err
	}
	config := d.dial
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = host
	}
	conn = tls.Client(raw, config)
	if t, err = w.introduce(ctx, conn); err != nil {
		abort(conn)
		return address, nil, t, err
	}
	return address, conn, t, nil
}

// introduce says who dials whom.
func (w *way) introduce(ctx context.Context, conn *tls.Conn) (t token, err error) {
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { abort(conn) })()
	h := hello{w.self, w.to}
	if _, err := conn.Write(h.append(nil)); err != nil {
		return t, err
	}
	if t, err = readToken(conn); err != nil {
		return t, err
	}
	return t, conn.SetDeadline(time.Time{})
}

// carry sends what there is to send over a connection, until that ends.
func (w *way) carry(conn *tls.Conn, t token) {
	defer conn.Close()
	w.mu.Lock()
	w.token = t
	if w.over || w.mark(connectionBegins) != nil {
		w.mu.Unlock()
		return
	}
	w.conn, w.out, w.heard, w.silent = conn, nil, true, 0
	w.mu.Unlock()
	w.direct.running.Go(func() { w.listen(conn) })
	var batch []byte
	for {
		if batch = w.next(conn, batch); batch == nil {
			return
		}
		if _, err := conn.Write(batch); err != nil {
			w.fail(conn, err)
			return
		}
	}
}

// next waits for what is to be written, and gives a buffer back. It returns nil at the end.
func (w *way) next(conn *tls.Conn, written []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.conn == conn && len(w.out) == 0 && !w.over {
		w.more.Wait()
	}
	if w.conn != conn || len(w.out) == 0 {
		w.conn = nil
		return nil
	}
	batch := w.out
	if w.out = written[:0]; cap(written) > keptBytes {
		w.out = nil
	}
	return batch
}

// listen notes that the other node reads.
func (w *way) listen(conn *tls.Conn) {
	var b [64]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			w.fail(conn, err)
			return
		}
		w.mu.Lock()
		w.heard = true
		w.mu.Unlock()
	}
}

func (w *way) fail(conn *tls.Conn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(conn, err)
}

// failLocked goes on over NATS. The caller holds the lock.
func (w *way) failLocked(conn *tls.Conn, err error) {
	if w.conn != conn {
		return
	}
	w.conn, w.out = nil, nil
	w.broken = fmt.Errorf("the way there broke: %w", withoutAddress(err))
	w.more.Signal()
	abort(conn)
	_ = w.mark(connectionEnds) // if NATS is away too, the other node finds messages missing
}

func (w *way) mark(kind byte) error {
	m := mark{kind, w.token}
	return w.direct.config.NATS.Send(w.to, m.append(nil))
}

// withoutAddress is an error for the log, which has no addresses of other machines.
func withoutAddress(err error) error {
	var failed *net.OpError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// abort ends a connection at once. Close would write to it first, and may have to wait.
func abort(conn *tls.Conn) { _ = conn.NetConn().Close() }
