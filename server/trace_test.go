package server

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/room/roomtest"
	"usher/server/servertest"
)

// The opcodes of the server's frames here, each with FIN (RFC 6455, section 5.2).
const (
	textFrame      = 0x81
	binaryFrame    = 0x82
	closeFrameByte = 0x88
	pingFrame      = 0x89
	pongFrame      = 0x8a
)

// These tests replay the core's transcripts on real sockets and a real store; only the clock and
// the secrets are fake.
func TestEveryTraceIsSeenOverSockets(t *testing.T) {
	t.Parallel()
	eachTrace(t, func(*replay) {})
}

// eachTrace replays every transcript.
func eachTrace(t *testing.T, prepare func(*replay)) {
	paths, err := filepath.Glob("../room/testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			trace, err := roomtest.Compile(name, string(text))
			if err != nil {
				t.Fatal(err)
			}
			if trace.Budgets {
				t.Skip("the budgets of an address are the edge's to spend: budget_test.go has them, and room's tests the transcript")
			}
			if trace.Renews {
				t.Skip("the server hands ICE servers out by itself: ice_test.go has that, and room's tests the transcript")
			}
			p := &replay{t: t, trace: trace, at: "start", sockets: make(map[int]*replayedSocket)}
			prepare(p)
			p.run()
		})
	}
}

// replay is the state of a trace while a server replays it.
type replay struct {
	t     *testing.T
	trace roomtest.Trace
	at    string // the step under way, for messages
	// servers are one, or the nodes of a cluster: the n-th socket is on the n-th of them by turns.
	servers []*running
	opened  int
	outside *fakeOutside
	sockets map[int]*replayedSocket // those whose end has not been read, by Step.Conn
	// restoreDisk is set while the disk fails.
	restoreDisk func()
	// taken are the connections whose rooms use up the limit of their addresses.
	taken []*rawConn
	// isLinked is set if there is a link between the edge and the rooms; settle waits for it.
	isLinked bool
	nodes    *twoNodes
	// account is set if the servers are a cluster.
	account  *account
	accounts *fakeAccounts
}

// replayedSocket is one connection of a trace.
type replayedSocket struct {
	*rawConn
	name int
	// closed is set once the server has sent its close frame, until that is answered.
	closed bool
}

func (p *replay) run() {
	defer func() { p.healDisk() }()
	p.launch(p.t.TempDir(), p.trace.StartMs)
	for i := range p.trace.Steps {
		step := &p.trace.Steps[i]
		p.at = fmt.Sprintf("line %d, %s", step.Line, step.Text[:min(60, len(step.Text))])
		p.perform(step)
		for _, seen := range step.Seen {
			p.sees(seen)
		}
		p.settle(step)
	}
	p.at = "end"
	p.healDisk()
	p.cut()
	p.stop()
}

// perform carries out a step.
func (p *replay) perform(step *roomtest.Step) {
	switch step.Kind {
	case "config": // launch has seen to it
	case "open":
		p.open(step)
	case "frame":
		p.draw(step.Secret)
		p.send(step.Conn, masked(textFrame, string(step.Frame)))
	case "binary":
		p.send(step.Conn, masked(binaryFrame, ""))
	case "pong":
		p.send(step.Conn, masked(pongFrame, ""))
	case "end":
		p.end(step.Conn, protocol.CloseCode(step.Code))
	case "pause":
		p.outside.pause(step.Ms) // the room hears of it before the next event
	case "wait":
		p.outside.advance(step.Ms, p.awaitCommits)
	case "restart":
		p.restart(step.Clean)
	case "hashes":
		p.outside.hash(step.Hashes)
	case "refuse":
		p.refuse(step.Refusal)
	case "refuse-create":
		p.refuseCreate(step.Refusal)
	case "verified":
		p.accounts.asked <- step.Verdict
	case "operator":
		p.operate(step)
	case "arrange":
		p.arrange(step)
	default:
		p.t.Fatalf("%s: no such step", p.at)
	}
}

// settle waits until the server has finished a step, after its effects have been seen.
func (p *replay) settle(step *roomtest.Step) {
	c := p.sockets[step.Conn]
	switch {
	case len(step.Seen) == 0 && (step.Kind == "frame" || step.Kind == "binary" || step.Kind == "pong") && c != nil && !c.closed:
		// The pong shows that everything before the ping has been handled. To the core, the
		// ping is one more message of the same moment and counts only for the rate limit.
		c.write(masked(pingFrame, p.at))
		if first, payload := p.next(c); first != pongFrame || string(payload) != p.at {
			p.t.Fatalf("%s: connection %d hears %#x %q instead of nothing", p.at, c.name, first, payload)
		}
	}
	p.awaitCommits()
}

// awaitCommits waits until no frame or close waits for a commit any more.
func (p *replay) awaitCommits() {
	p.eventually("all is stored", func() bool {
		if p.isLinked {
			p.nodes.settle(p.t)
		}
		if p.account != nil {
			p.settleLinks()
		}
		v := p.server().view(p.trace.RoomID)
		return v.ID == "" || v.IsSettled
	})
	if p.account != nil {
		p.settleLinks()
	}
}

func (p *replay) eventually(what string, holds func() bool) {
	p.t.Helper()
	servertest.Eventually(p.t, p.at+": "+what, holds)
}

// draw sets what the server draws for a frame, if it draws anything.
func (p *replay) draw(secret []byte) {
	if secret != nil {
		p.outside.draw(secret)
		for one := range slices.Chunk(secret, protocol.TokenBytes) {
			for _, s := range p.servers {
				s.keepPrivate(base64.RawURLEncoding.EncodeToString(one))
			}
		}
	}
}

func (p *replay) open(step *roomtest.Step) {
	headers := []string{"X-Forwarded-For: " + p.address(step.Address).String()}
	if step.Identity != nil {
		p.accounts.next.Store(step.Identity)
		headers = append(headers, "Authorization: Bearer "+replayedToken)
	}
	c := p.edge().dial(0).upgrade(p.trace.RoomID, nil, headers...)
	p.sockets[step.Conn] = &replayedSocket{rawConn: c, name: step.Conn}
}

// address returns the network address that a word of the trace stands for, one of 192.0.2.0/24 (RFC
// 5737).
func (p *replay) address(word string) netip.Addr {
	addr := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	for _, other := range p.words() {
		if other == word {
			break
		}
		addr = addr.Next()
	}
	return addr
}

// words are the words of the trace that stand for addresses.
func (p *replay) words() (words []string) {
	for _, step := range p.trace.Steps {
		if step.Kind == "open" && !slices.Contains(words, step.Address) {
			words = append(words, step.Address)
		}
	}
	return words
}

func (p *replay) socket(name int) *replayedSocket {
	c := p.sockets[name]
	if c == nil {
		p.t.Fatalf("%s: connection %d is over", p.at, name)
	}
	return c
}

// send sends to a server that may have closed the connection, and also its socket if the close was
// not answered in time.
func (p *replay) send(name int, frame []byte) {
	c := p.socket(name)
	if _, err := c.Write(frame); err != nil && !c.closed {
		p.t.Fatalf("%s: %v", p.at, err)
	}
}

// next returns the next frame; it fails if none comes.
func (p *replay) next(c *replayedSocket) (first byte, payload []byte) {
	p.t.Helper()
	_ = c.SetDeadline(time.Now().Add(servertest.Patience))
	first, payload, err := c.read()
	if err != nil {
		p.t.Fatalf("%s: connection %d: %v", p.at, c.name, err)
	}
	return first, payload
}

// sees fails unless exactly this frame or close comes.
func (p *replay) sees(seen roomtest.Seen) {
	p.t.Helper()
	c := p.socket(seen.Conn)
	first, payload := p.next(c)
	if seen.Code != 0 {
		if code := closeCodeOf(first, payload); c.closed || code != protocol.CloseCode(seen.Code) {
			p.t.Fatalf("%s: connection %d hears %#x %q instead of close %d", p.at, c.name, first, payload, seen.Code)
		}
		c.closed = true
		return
	}
	if seen.Ping {
		if c.closed || first != pingFrame {
			p.t.Fatalf("%s: connection %d hears %#x %q instead of a ping", p.at, c.name, first, payload)
		}
		return
	}
	if c.closed || first != textFrame || !bytes.Equal(payload, seen.Frame) {
		p.t.Fatalf("%s: connection %d hears\n%#x %s instead of\n%#x %s", p.at, c.name, first, payload, textFrame, seen.Frame)
	}
}

// closeCodeOf returns the code of a close frame, or 0 for another frame.
func closeCodeOf(first byte, payload []byte) protocol.CloseCode {
	if first != closeFrameByte || len(payload) < 2 {
		return 0
	}
	return protocol.CloseCode(binary.BigEndian.Uint16(payload))
}

// end ends a socket as a client does: with a close frame, or with none if the code is 1006.
func (p *replay) end(name int, code protocol.CloseCode) {
	c := p.socket(name)
	if code == 1006 {
		// For the server this is the end, and everything that it has sent can still be read.
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	} else {
		p.send(name, closeFrame(code))
		if !c.closed {
			if first, payload := p.next(c); closeCodeOf(first, payload) != code {
				p.t.Fatalf("%s: connection %d hears %#x %q instead of the reply to its close", p.at, name, first, payload)
			}
		}
	}
	p.isOver(c)
}

// isOver fails unless nothing more has come and the room knows that the socket is closed.
func (p *replay) isOver(c *replayedSocket) {
	p.t.Helper()
	_ = c.SetDeadline(time.Now().Add(servertest.Patience))
	first, payload, err := c.read()
	timeout, _ := err.(net.Error)
	switch {
	case err == nil:
		p.t.Fatalf("%s: connection %d hears %#x %q instead of its end", p.at, c.name, first, payload)
	case err != io.EOF && !c.closed, timeout != nil && timeout.Timeout():
		p.t.Fatalf("%s: connection %d does not end: %v", p.at, c.name, err)
	}
	delete(p.sockets, c.name)
	p.eventually("the connection is over", func() bool { return p.connections() <= int64(len(p.sockets)+len(p.taken)) })
}
