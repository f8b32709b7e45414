// Package frame reads and writes WebSocket frames (RFC 6455) as a server does. It does no I/O:
// bytes go in, messages come out.
//
// A Reader is given what the socket delivered, in pieces of any size, and returns one message or
// control frame at a time:
//
//	for len(data) > 0 {
//		m, n, err := reader.Next(data, maxMessageBytes)
//		data = data[n:]
//		…
//	}
//
// A frame that is whole in data is unmasked in place, without a copy or an allocation. Anything
// else waits in the Reader, in memory that grows with what has arrived, not with what a header
// promises, and that is released with the message. An idle Reader is one nil pointer.
//
// Frames are judged as early as their bytes allow: a header before its payload, text before its
// last fragment. There are no extensions, so reserved bits are errors (section 5.2).
package frame

// Opcode is the kind of a frame (RFC 6455, section 5.2).
type Opcode byte

// The opcodes. All others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xa
)

// control reports whether frames of the opcode are control frames (section 5.5).
func (o Opcode) control() bool { return o&0x8 != 0 }

// reserved reports whether the opcode is undefined.
func (o Opcode) reserved() bool { return o > Binary && o < Close || o > Pong }

// Sizes of frames (section 5.2) and control frames (section 5.5).
const (
	// MaxHeaderBytes is the longest header that a server writes.
	MaxHeaderBytes = 10
	// MaxControlBytes is the longest payload of a control frame.
	MaxControlBytes = 125
	// MaxReasonBytes is the longest reason of a close frame.
	MaxReasonBytes = MaxControlBytes - 2

	maxClientHeaderBytes = MaxHeaderBytes + 4 // the mask
)

// NoCode represents the missing code of a close frame without one. It is never in a frame (section
// 7.4.1).
const NoCode = 1005

// Error is the reason that a client's bytes cannot be read any further, with the code for the close
// frame (section 7.4.1).
type Error struct {
	Code uint16
	Text string
}

// Error implements error.
func (e *Error) Error() string { return "frame: " + e.Text }

// ErrText is the error for a text message whose bytes so far are not UTF-8.
var ErrText = &Error{1007, "text is not UTF-8"}

// The other errors of a client.
var (
	errReservedBits   = &Error{1002, "reserved bits are set"}
	errReservedOpcode = &Error{1002, "reserved opcode"}
	errUnmasked       = &Error{1002, "client's frame is not masked"}
	errFragmented     = &Error{1002, "fragmented control frame"}
	errLongControl    = &Error{1002, "control frame over 125 bytes"}
	errNoMessage      = &Error{1002, "continuation of no message"}
	errOpenMessage    = &Error{1002, "new message inside a message"}
	errLengthBit      = &Error{1002, "top bit of a 64-bit length is set"}
	errLongForm       = &Error{1002, "length is not in its shortest form"}
	errShortClose     = &Error{1002, "close frame of one byte"}
	errCloseCode      = &Error{1002, "close code that no endpoint may send"}
	errReason         = &Error{1007, "close reason is not UTF-8"}
	errTooLarge       = &Error{1009, "message too large"}
	errEmptyFragments = &Error{1009, "too many empty fragments"}
)
