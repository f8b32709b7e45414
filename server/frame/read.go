package frame

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// maxEmptyFragments bounds the empty fragments of a message. RFC 6455 allows them, but a message of
// only such fragments would never end.
const maxEmptyFragments = 1024

// Message is a whole message or a control frame.
type Message struct {
	// Op is Text, Binary, Close, Ping or Pong; 0 means that nothing is complete yet.
	Op Opcode
	// Payload is the message, or a control frame's payload; for a close frame it is the reason. It
	// may lie in the bytes given to Next and is valid as long as they are. The caller may change
	// it.
	Payload []byte
	// Code is a close frame's code, NoCode if it has none.
	Code uint16
}

// Reader reads the frames of one client. The zero value is ready. It is not safe for concurrent
// use.
type Reader struct {
	// partial is what has arrived of an incomplete frame or message. It is nil between messages, so
	// that an idle connection keeps nothing.
	partial *partial
}

// partial is an incomplete message, and in it an incomplete frame.
type partial struct {
	// The frame's header so far; have is 0 if no frame has begun.
	head [maxClientHeaderBytes]byte
	have uint8
	// inPayload means that the header is complete. Then frame is that header, with the remaining
	// payload as its length and the mask rotated so that its lowest byte is for the next byte.
	inPayload bool
	frame     header
	// op is the message's opcode, 0 if none has begun.
	op Opcode
	// message is the data of the message that has arrived, unmasked, of which the first checked
	// bytes are known to be UTF-8 if it is text.
	message []byte
	checked int
	empty   int // fragments
	// control is the payload of a control frame that arrives in pieces.
	control []byte
}

// Next reads up to the end of one frame of data, which must not be empty, and returns how many
// bytes it took. If a message or control frame ends there, it is returned; otherwise Message.Op is
// 0. Data messages have at most maxBytes of payload. After an error, which is always an *Error, the
// Reader must not be used.
func (r *Reader) Next(data []byte, maxBytes int) (m Message, n int, err error) {
	if p := r.partial; p != nil && p.inPayload {
		return r.payload(data)
	}
	h, n, whole, err := r.header(data, maxBytes)
	if err != nil || !whole {
		return Message{}, n, err
	}
	if len(data)-n >= h.length {
		body := data[n : n+h.length]
		m, err = r.frame(h, body, unmask(body, h.mask))
		return m, n + h.length, err
	}
	p := r.begin()
	p.inPayload, p.frame = true, h
	if h.op == Text || h.op == Binary {
		p.op = h.op
	}
	if n == len(data) {
		return Message{}, n, nil
	}
	m, more, err := r.payload(data[n:])
	return m, n + more, err
}

// Skip reads all of data, which arrived after the server's own close frame, and keeps none of it.
// It reports whether the client has replied: with a close frame of any kind, or with something that
// is not a frame.
func (r *Reader) Skip(data []byte) (replied bool) {
	p := r.begin()
	p.message, p.control = nil, nil
	for {
		if p.inPayload {
			if p.frame.op == Close {
				return true
			}
			n := min(len(data), p.frame.length)
			data = data[n:]
			p.frame.length -= n
			p.inPayload = p.frame.length > 0
		}
		if len(data) == 0 {
			return false
		}
		h, n, whole, err := r.header(data, maxInt)
		if err != nil || whole && h.op == Close {
			return true
		}
		data = data[n:]
		if !whole {
			return false
		}
		p.inPayload, p.frame = h.length > 0, h
		if !h.op.control() {
			p.op = Text
			if h.fin {
				p.op = 0
			}
		}
	}
}

// header parses the header that data begins or continues with, and returns how much of data it
// took. The bytes of an incomplete header are kept.
func (r *Reader) header(data []byte, maxBytes int) (h header, n int, whole bool, err error) {
	inMessage, room := false, maxBytes
	p := r.partial
	if p != nil {
		inMessage, room = p.op != 0, maxBytes-len(p.message)
	}
	if p == nil || p.have == 0 {
		h, n, err = parseHeader(data, inMessage, room)
		if n == 0 && err == nil {
			n = copy(r.begin().head[:], data)
			r.partial.have = uint8(n)
			return h, n, false, nil
		}
		return h, n, err == nil, err
	}
	had := int(p.have)
	came := copy(p.head[had:], data)
	h, n, err = parseHeader(p.head[:had+came], inMessage, room)
	if n == 0 {
		p.have += uint8(came)
		return h, came, false, err
	}
	p.have = 0
	return h, n - had, true, nil
}

// begin returns the partial message, a new one if none exists.
func (r *Reader) begin() *partial {
	if r.partial == nil {
		r.partial = new(partial)
	}
	return r.partial
}

// frame handles a frame that arrived in one piece. or is unmask's result for it.
func (r *Reader) frame(h header, body []byte, or uint64) (Message, error) {
	p := r.partial
	switch {
	case h.op.control():
		return r.control(h.op, body)
	case h.fin && (p == nil || p.op == 0):
		r.partial = nil
		if h.op == Text && or&highBits != 0 && !utf8.Valid(body) {
			return Message{}, ErrText
		}
		return Message{Op: h.op, Payload: body}, nil
	}
	p = r.begin()
	if h.op != Continuation {
		p.op = h.op
	}
	if len(body) == 0 && !h.fin {
		if p.empty++; p.empty > maxEmptyFragments {
			return Message{}, errEmptyFragments
		}
	}
	return r.data(h.fin, body, or, 0)
}

// payload takes the part in data of a frame whose header arrived before.
func (r *Reader) payload(data []byte) (m Message, n int, err error) {
	p := r.partial
	n = min(len(data), p.frame.length)
	body := data[:n]
	or := unmask(body, p.frame.mask)
	p.frame.mask = bits.RotateLeft32(p.frame.mask, -8*(n%4))
	p.frame.length -= n
	p.inPayload = p.frame.length > 0
	h := p.frame
	if !h.op.control() {
		m, err = r.data(h.fin, body, or, h.length)
		return m, n, err
	}
	p.control = append(p.control, body...)
	if p.inPayload {
		return Message{}, n, nil
	}
	payload := p.control
	p.control = nil
	m, err = r.control(h.op, payload)
	return m, n, err
}

// data adds a frame's bytes to the message; left bytes of the frame are still to come. or is
// unmask's result for body.
func (r *Reader) data(fin bool, body []byte, or uint64, left int) (Message, error) {
	p := r.partial
	if size := len(p.message) + len(body); size > cap(p.message) {
		room := max(2*size, 64) // at most twice what has arrived
		if fin {
			room = min(room, size+left)
		}
		p.message = append(make([]byte, 0, room), p.message...)
	}
	p.message = append(p.message, body...)
	end := fin && left == 0
	if p.op == Text && !p.valid(len(body), or, end) {
		return Message{}, ErrText
	}
	if !end {
		return Message{}, nil
	}
	r.partial = nil
	return Message{Op: p.op, Payload: p.message}, nil
}

// valid reports whether the message so far is UTF-8 (section 8.1); unless end is set, the last
// character may be incomplete. fresh is how many bytes are new, or is unmask's result for them.
func (p *partial) valid(fresh int, or uint64, end bool) bool {
	if or&highBits == 0 && p.checked+fresh == len(p.message) {
		p.checked = len(p.message)
		return true
	}
	text := p.message[p.checked:]
	if !end {
		text = text[:len(text)-incomplete(text)]
	}
	p.checked += len(text)
	return utf8.Valid(text)
}

// incomplete is the length of the incomplete character that text ends with, 0 if it ends with a
// whole one or with bytes that cannot become one.
func incomplete(text []byte) int {
	for n := 1; n <= min(len(text), utf8.UTFMax-1); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// control returns a control frame, which may arrive in the middle of a message.
func (r *Reader) control(op Opcode, payload []byte) (Message, error) {
	if r.partial != nil && r.partial.op == 0 {
		r.partial = nil
	}
	m := Message{Op: op, Payload: payload}
	if op != Close {
		return m, nil
	}
	if len(payload) == 0 {
		m.Code = NoCode
		return m, nil
	}
	m.Code, m.Payload = binary.BigEndian.Uint16(payload), payload[2:]
	switch {
	case !ValidCode(m.Code):
		return Message{}, errCloseCode
	case !utf8.Valid(m.Payload):
		return Message{}, errReason
	}
	return m, nil
}
