package link

// mark is a message over NATS about a connection: what was sent over NATS before Begins is received
// before anything of the connection, and nothing of it after Ends.
type mark struct {
	kind  byte
	token token
}

// token names a connection on NATS. The receiver draws it.
type token [16]byte

const (
	// markMajor is no major version of messages.
	markMajor = 0

	connectionBegins = 1
	connectionEnds   = 2
)

func (m *mark) append(b []byte) []byte { return append(append(b, markMajor, m.kind), m.token[:]...) }

func decodeMark(message []byte) (m mark, ok bool) {
	if len(message) != 2+len(m.token) || message[0] != markMajor {
		return m, false
	}
	return mark{message[1], token(message[2:])}, true
}
