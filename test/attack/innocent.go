package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"usher/protocol"
)

// innocentAddress is where the room's people connect from.
const innocentAddress = "127.0.0.100"

// pace is how often each of the room's senders sends an offer: half of what it may.
const pace = 10 * time.Millisecond

// roomPart is what the room's process is told.
type roomPart struct {
	Address string
	TLS     bool
	Room    string
	// Patient people try again if the server has no memory for them at the moment.
	Patient bool
}

// roomReport is what the room saw.
type roomReport struct {
	Sent, Arrived, Returns int
	// Refused counts the returns that were refused with HTTP 503, for patient people.
	Refused int
	Windows map[string]window
	Faults  []string
}

// window is how long offers of one part of the time took.
type window struct {
	Frames        int
	P50, P99, Max time.Duration
}

// innocents are four people in two pairs who send each other offers without a pause, and a
// fifth who loses the connection again and again and comes back by token.
type innocents struct {
	part    roomPart
	http    *http.Client
	start   time.Time
	sending context.Context
	mu      sync.Mutex
	window  string
	times   map[string][]time.Duration
	report  roomReport
	done    bool // what ends now has been asked to
}

// person is one of them.
type person struct {
	id, peer, token string
	ws              *websocket.Conn
	arrived         int // offers of the peer's
}

// offer is an offer as it arrives, and any other message as far as it matters.
type offer struct {
	Type        string `json:"type"`
	UserID      string `json:"userId"`
	Code        string `json:"code"`
	ResumeToken string `json:"resumeToken"`
	Resumed     bool   `json:"resumed"`
	N           int    `json:"n"`
	At          int64  `json:"at"`
	Window      string `json:"window"`
}

// playRoom says "ready", takes the names of windows on its standard input and reports at its end.
func playRoom(ctx context.Context, text string) error {
	r := &innocents{start: time.Now(), window: "before", times: map[string][]time.Duration{}}
	if err := json.Unmarshal([]byte(text), &r.part); err != nil {
		return err
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(innocentAddress)}}
	r.http = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	people := []*person{{id: "ann", peer: "bob"}, {id: "bob", peer: "ann"}, {id: "cem", peer: "dee"}, {id: "dee", peer: "cem"}, {id: "eve"}}
	for _, p := range people {
		if err := r.sit(ctx, p); err != nil {
			return fmt.Errorf("%s cannot sit down: %w", p.id, err)
		}
	}
	fmt.Println(`"ready"`)
	sending, stop := context.WithCancel(ctx)
	r.sending = sending
	var senders, readers sync.WaitGroup
	for _, p := range people[:4] {
		senders.Go(func() { r.send(p) })
		readers.Go(func() { r.receive(ctx, p) })
	}
	senders.Go(func() { r.comeBack(ctx, people[4]) })
	for words := bufio.NewScanner(os.Stdin); words.Scan() && words.Text() != "stop"; {
		r.mu.Lock()
		r.window = words.Text()
		r.mu.Unlock()
	}
	stop()
	senders.Wait()
	r.awaitArrivals()
	for _, p := range people {
		_ = p.ws.CloseNow()
	}
	readers.Wait()
	return json.NewEncoder(os.Stdout).Encode(r.result())
}

// sit connects and takes the person's seat, with the token if there is one.
func (r *innocents) sit(ctx context.Context, p *person) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	scheme := "ws"
	if r.part.TLS {
		scheme = "wss"
	}
	ws, response, err := websocket.Dial(ctx, scheme+"://"+r.part.Address+"/ws?roomId="+r.part.Room, &websocket.DialOptions{HTTPClient: r.http})
	if err != nil {
		if response != nil {
			err = &refused{response.StatusCode}
		}
		return err
	}
	ws.SetReadLimit(1 << 20)
	request := protocol.CreateRoomMessage{
		BaseSignalingMessage: protocol.BaseSignalingMessage{RoomID: r.part.Room, UserID: p.id}, UserName: p.id, ResumeToken: p.token, Protocol: protocol.Version,
	}
	if err := ws.Write(ctx, websocket.MessageText, request.Append(nil)); err != nil {
		return err
	}
	for {
		_, frame, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		var m offer
		if err := json.Unmarshal(frame, &m); err != nil {
			return err
		}
		switch {
		case m.Type == "ERROR":
			return errors.New(m.Code)
		case m.Type == "ROOM_CREATED" && m.Resumed != (p.token != ""):
			return errors.New("the seat has gone")
		case m.Type == "ROOM_CREATED":
			p.ws, p.token = ws, cmp.Or(m.ResumeToken, p.token)
			return nil
		}
	}
}

// sdp makes the offers as large as Chromium's.
var sdp = strings.Repeat(`a=candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ host generation 0\r\n`, 12)

// send sends numbered offers to the peer, each with the time and the window it belongs to.
func (r *innocents) send(p *person) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := 1; ; n++ {
		r.mu.Lock()
		name := r.window
		r.mu.Unlock()
		frame := fmt.Appendf(nil, `{"type":"WEBRTC_OFFER","n":%d,"at":%d,"window":%q,"roomId":%q,"userId":%q,"targetUserId":%q,"offer":{"type":"offer","sdp":"%s"}}`,
			n, time.Since(r.start), name, r.part.Room, p.id, p.peer, sdp)
		// Its own time limit: a write that is cut short by the end would end the connection.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.sending), patience)
		err := p.ws.Write(ctx, websocket.MessageText, frame)
		cancel()
		if err != nil {
			r.fault("%s cannot send: %v", p.id, err)
			return
		}
		r.mu.Lock()
		r.report.Sent++
		r.mu.Unlock()
		select {
		case <-ticker.C:
		case <-r.sending.Done():
			return
		}
	}
}

// receive holds what arrives to the order in which it was sent.
func (r *innocents) receive(ctx context.Context, p *person) {
	for {
		_, frame, err := p.ws.Read(ctx)
		arrived := time.Since(r.start)
		if err != nil {
			r.mu.Lock()
			done := r.done
			r.mu.Unlock()
			if !done {
				r.fault("%s was closed: %v", p.id, err)
			}
			return
		}
		var m offer
		if err := json.Unmarshal(frame, &m); err != nil {
			r.fault("%s got what is no JSON: %v", p.id, err)
			return
		}
		switch {
		case m.Type == "ERROR" || m.Type == "UNDELIVERED":
			r.fault("%s got %s %s", p.id, m.Type, m.Code)
		case m.Type != "WEBRTC_OFFER":
		case m.UserID != p.peer || m.N != p.arrived+1:
			r.fault("%s got offer %d of %s after %d", p.id, m.N, m.UserID, p.arrived)
			return
		default:
			p.arrived = m.N
			r.mu.Lock()
			r.report.Arrived++
			r.times[m.Window] = append(r.times[m.Window], arrived-time.Duration(m.At))
			r.mu.Unlock()
		}
	}
}

// comeBack loses the connection and returns by token, once a second.
func (r *innocents) comeBack(ctx context.Context, p *person) {
	for {
		select {
		case <-r.sending.Done():
			return
		case <-time.After(time.Second / 2):
		}
		_ = p.ws.CloseNow()
		if err := r.comeBackOnce(ctx, p); err != nil {
			r.fault("%s cannot come back: %v", p.id, err)
			return
		}
		r.mu.Lock()
		r.report.Returns++
		r.mu.Unlock()
	}
}

// comeBackOnce sits down again, the patient after some refusals. The seat is held for 40 s.
func (r *innocents) comeBackOnce(ctx context.Context, p *person) error {
	for begin := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		err := r.sit(ctx, p)
		var full *refused
		if !r.part.Patient || !errors.As(err, &full) || full.status != http.StatusServiceUnavailable || time.Since(begin) > 35*time.Second {
			return err
		}
		r.mu.Lock()
		r.report.Refused++
		r.mu.Unlock()
	}
}

// awaitArrivals gives what is under way time to arrive.
func (r *innocents) awaitArrivals() {
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		r.done = r.report.Arrived == r.report.Sent || len(r.report.Faults) > 0
		done := r.done
		r.mu.Unlock()
		if done {
			return
		}
	}
	r.fault("%d of %d offers are missing after %v", r.report.Sent-r.report.Arrived, r.report.Sent, patience)
	r.mu.Lock()
	r.done = true
	r.mu.Unlock()
}

func (r *innocents) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.report.Faults) < 10 {
		r.report.Faults = append(r.report.Faults, fmt.Sprintf(format, args...))
	}
}

func (r *innocents) result() roomReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Windows = map[string]window{}
	for name, times := range r.times {
		slices.Sort(times)
		r.report.Windows[name] = window{len(times), times[len(times)/2], times[len(times)*99/100], times[len(times)-1]}
	}
	return r.report
}
