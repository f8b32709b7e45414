package main

import (
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPeersAreComparedAndPublished(t *testing.T) {
	w := testWorkshop(t, "")
	w.repository = "../.."
	docs := t.TempDir()
	page := filepath.Join(docs, "performance.md")
	if err := os.WriteFile(page, []byte("before\n"+peersBegin+"\nold\n"+peersEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := peersSettings{only: "bare-nbio", out: docs, quick: true}
	if _, err := w.peers(s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "\nafter\n", "| usher |", "| bare nbio |", "Joins, 64 at once", "After kill -9", "(peers-relay.svg)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "\nold\n") {
		t.Error("the old tables are still there")
	}
	for _, chart := range peerCharts {
		wellFormed(t, filepath.Join(docs, chart.file))
	}

	// The figures beside it make the same page once more, without measuring.
	if err := os.WriteFile(page, []byte("before\n"+peersBegin+"\nold\n"+peersEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.peers(peersSettings{out: docs, from: filepath.Join(docs, figuresFile)}); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(page); err != nil || string(again) != string(text) {
		t.Errorf("%v, and from %s the page is another:\n%s", err, figuresFile, again)
	}
}

func TestPeersLookForThePageBeforeTheyMeasure(t *testing.T) {
	w := testWorkshop(t, "")
	w.repository = t.TempDir()
	for _, page := range []string{"", "no places"} {
		if page != "" {
			if err := os.WriteFile(filepath.Join(w.repository, "performance.md"), []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.peers(peersSettings{only: "bare-nbio", out: ".", quick: true})
		if err == nil || !strings.Contains(err.Error(), "performance.md") {
			t.Errorf("with a page %q: %v", page, err)
		}
	}
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	picture, err := os.Open(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer picture.Close()
	for decoder := xml.NewDecoder(picture); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
	}
}

func TestPeersSayWhatIsUnknownAndWhatIsMissing(t *testing.T) {
	if _, err := choose("usher,wss"); err == nil || !strings.Contains(err.Error(), "socketio") {
		t.Error(err)
	}
	if err := (&peersSettings{rounds: 1, messages: 100, joins: 4, idle: 4, crash: 4, seconds: time.Second, measures: "speed"}).check(); err == nil {
		t.Error("a measurement that does not exist was accepted")
	}
	w := testWorkshop(t, "")
	w.repository = t.TempDir()
	c := &comparison{w: w, kit: newKit(w), Skipped: map[string]string{}}
	if err := c.prepare([]peer{gorillaPeer(), &partyPeer{}}); err != nil || len(c.peers) != 0 {
		t.Errorf("%v, %d servers", err, len(c.peers))
	}
	if c.Skipped["gorilla"] == "" || c.Skipped["PartyServer"] == "" {
		t.Errorf("skipped without a word: %v", c.Skipped)
	}
}

func TestChangedOrReorderedMessagesAreNoticed(t *testing.T) {
	for name, change := range map[string]func([]byte){
		"changed": func(b []byte) { b[len(b)-1]++ },
		"early":   func(b []byte) { b[len(b)-2]++ },
	} {
		l := &loop{}
		load := &peerLoad{peer: &wsPeer{}, loop: l}
		from, to := &person{load: load, id: "a"}, &person{load: load, id: "b"}
		s := load.newOffers(from, to)
		s.number(0)
		s.sent = 1
		message := append([]byte("{"), s.body...)
		to.text(nil, message)
		if l.err != nil || to.inbox.next != 1 {
			t.Fatalf("a message as it was sent: %v", l.err)
		}
		s.sent = 2
		s.number(1)
		change(message)
		to.text(nil, message)
		if l.err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestMsgpackOfColyseus(t *testing.T) {
	got := colyseusMessage("offer", strings.Repeat("x", 40), appendMsgpackText(nil, strings.Repeat("y", 300)))
	want := "\x0d\xa5offer\x82\xa2to\xd9\x28" + strings.Repeat("x", 40) + "\xa7payload\xda\x01\x2c" + strings.Repeat("y", 300)
	if string(got) != want {
		t.Errorf("%q", got)
	}
}

func TestAServerThatFailsIsNamedAndLeftOutButUsherIsNot(t *testing.T) {
	usher, other := &usherPeer{}, &wsPeer{}
	c := &comparison{w: testWorkshop(t, ""), s: peersSettings{rounds: 1}, peers: []peer{usher, other}, Skipped: map[string]string{},
		Figures: map[string]map[string]map[string][]float64{}}
	failing := func(int, *peerLoad) error { return errors.New("it broke") }
	loadOf := func(p peer) []*peerLoad {
		l, err := newLoop(t.Context(), netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		return []*peerLoad{{peer: p, loop: l, server: &server{exited: make(chan struct{})}}}
	}
	c.add("closed", "cpu", other, 1)
	if err := c.eachRound("closed", loadOf(other), failing); err != nil {
		t.Fatal(err)
	}
	if _, has := c.middle("closed", "cpu", "ws"); has || c.Skipped["ws, closed"] == "" {
		t.Errorf("left out without a word, or not at all: %v, %v", c.Skipped, c.Figures)
	}
	if err := c.eachRound("closed", loadOf(usher), failing); err == nil {
		t.Error("usher was left out")
	}
}
