package link

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"usher/server/cluster/lease"
)

// A connection begins with the dialer's hello:
//
//	8 bytes  directMagic
//	1 byte   directVersion
//	1 byte   length of the rest, which a newer version may end with more
//	8 bytes  nonce of the incarnation that dials, then its id after a byte with its length
//	8 bytes  nonce of the incarnation that is meant, then its id
//
// The reply is directVersion and a token, or the end of the connection. Then the dialer sends
// messages, each after 4 bytes with its length; a length of 0 is a ping. The other end sends a byte
// for each ping, and for each progressBytes that it has handled. Numbers are little-endian.
const (
	directMagic   = "usherlnk"
	directVersion = 1
	helloHead     = len(directMagic) + 2
	lengthBytes   = 4
	progressBytes = 64 << 10
)

// hello is what a connection begins with.
type hello struct{ from, to Incarnation }

func (h *hello) append(b []byte) []byte {
	b = append(append(b, directMagic...), directVersion, 0)
	start := len(b)
	for _, who := range [...]Incarnation{h.from, h.to} {
		b = appendShort(binary.LittleEndian.AppendUint64(b, who.Nonce), who.ID)
	}
	b[start-1] = byte(len(b) - start)
	return b
}

var errHello = errors.New("not the hello of a node")

func readHello(r io.Reader) (h hello, err error) {
	var b [helloHead + 255]byte
	head := b[:helloHead]
	if _, err := io.ReadFull(r, head); err != nil {
		return h, err
	}
	if string(head[:len(directMagic)]) != directMagic {
		return h, errHello
	}
	if v := head[len(directMagic)]; v != directVersion {
		return h, fmt.Errorf("it speaks version %d of connections, and this node %d", v, directVersion)
	}
	rest := b[helloHead : helloHead+int(head[helloHead-1])]
	if _, err := io.ReadFull(r, rest); err != nil {
		return h, err
	}
	for _, who := range [...]*Incarnation{&h.from, &h.to} {
		if len(rest) < 8 {
			return h, errHello
		}
		who.Nonce = binary.LittleEndian.Uint64(rest)
		id, after, ok := short(rest[8:])
		if !ok || !lease.ValidID(string(id)) {
			return h, errHello
		}
		who.ID, rest = string(id), after
	}
	return h, nil
}

func newToken() (t token) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

func readToken(r io.Reader) (t token, err error) {
	var b [1 + len(t)]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return t, fmt.Errorf("the other node refuses this one: %w", err)
	}
	if b[0] != directVersion {
		return t, fmt.Errorf("it replies in version %d of connections, and this node speaks %d", b[0], directVersion)
	}
	return token(b[1:]), nil
}
