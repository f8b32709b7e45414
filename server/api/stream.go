package api

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"usher/protocol"
	"usher/server/report"
	"usher/server/rooms"
)

const (
	// heartbeat keeps a stream open through proxies.
	heartbeat = 15 * time.Second
	// writeTimeout is how long a reader may take for what it is sent. Then it is cut.
	writeTimeout = 10 * time.Second
	// maxStreams bounds the open streams of the server.
	maxStreams = 64
	// watchSize is how many messages of a room wait for its watcher. What does not fit is counted.
	watchSize = 1024
)

// sender writes server-sent events.
type sender struct {
	w       http.ResponseWriter
	control *http.ResponseController
	// may reports whether the reader still may read.
	may    func() bool
	buffer []byte
}

// stream is a stream for as long as send takes, or a refusal if too many are open.
func (a *API) stream(w http.ResponseWriter, q *request, send func(s *sender)) *failure {
	defer a.streams.Add(-1)
	if a.streams.Add(1) > maxStreams {
		return &failure{protocol.CodeRateLimited, "too many streams are open"}
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &sender{w: w, control: http.NewResponseController(w), may: func() bool { return a.stillMay(q) }}
	// The time in which a request must have been read would end the stream, too.
	_ = s.control.SetReadDeadline(time.Time{})
	if q.Method == http.MethodHead { // nothing follows, and the client would not wait for an end
		return nil
	}
	s.buffer = append(s.buffer, "retry: 2000\n\n"...)
	send(s)
	return nil
}

// add adds an event. name and id may be "".
func (s *sender) add(name, id string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic("api: " + err.Error())
	}
	if id != "" {
		s.addID(id)
	}
	if name != "" {
		s.buffer = append(append(append(s.buffer, "event: "...), name...), '\n')
	}
	s.buffer = append(append(append(s.buffer, "data: "...), text...), "\n\n"...)
}

// flush sends what was added, and reports whether the reader still may have it and took it in time.
func (s *sender) flush() bool {
	if !s.may() {
		return false
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.w.Write(s.buffer)
	s.buffer = s.buffer[:0]
	return err == nil && s.control.Flush() == nil
}

// mark tells a client how far it has seen, without an event.
func (s *sender) mark(id string) {
	s.addID(id)
	s.buffer = append(s.buffer, '\n')
}

func (s *sender) addID(id string) {
	s.buffer = append(append(append(s.buffer, "id: "...), id...), '\n')
}

func (s *sender) beat() bool {
	s.buffer = append(s.buffer, ":\n\n"...)
	return s.flush()
}

// Gap is the data of an event named gap: events between the last one and the next are missing.
type Gap struct {
	Resumed string `json:"resumed" doc:"The id of the event that follows."`
}

// readEvents sends what happens until the reader goes, is too slow, or loses its key, or the server
// drains.
func (a *API) readEvents(w http.ResponseWriter, q *request) *failure {
	query := q.URL.Query()
	roomID, kind := query.Get("room"), query.Get("type")
	if roomID != "" && !protocol.ValidRoomID(roomID) {
		return &failure{protocol.CodeInvalidRoomID, ""}
	}
	return a.stream(w, q, func(s *sender) { a.sendEvents(s, q, roomID, kind) })
}

// sendEvents sends those of a room and of a type, "" for all.
func (a *API) sendEvents(s *sender, q *request, roomID, kind string) {
	next, missing := a.events.after(q.Header.Get("Last-Event-ID"))
	wake := a.events.join()
	defer a.events.leave(wake)
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	if !missing {
		s.mark(a.events.id(next - 1)) // or who has seen no event yet would miss some by coming back
	}
	var events []entry
	for {
		var lost bool
		events, next, lost = a.events.read(next, events[:0])
		if missing || lost {
			s.add("gap", "", Gap{a.events.id(next)})
			missing = false
		}
		for _, e := range events {
			if what := report.New(e.roomID, e.what); (roomID == "" || roomID == e.roomID) && (kind == "" || kind == what.Type) {
				s.add(what.Type, a.events.id(next), what)
			}
			next++
		}
		if !s.flush() {
			return
		}
		if len(events) == readAtOnce {
			continue
		}
		select {
		case <-wake:
		case <-ticker.C:
			s.mark(a.events.id(next - 1)) // what passes a filter may be long ago
			if !s.beat() {
				return
			}
		case <-q.Context().Done():
			return
		case <-a.config.Draining:
			return
		}
	}
}

// Signal is a message that a room receives, sends or passes on.
type Signal struct {
	At     int64  `json:"at" doc:"When, in ms since 1970."`
	Sent   bool   `json:"sent" doc:"Whether the server sends it; otherwise it receives it."`
	UserID string `json:"userId" doc:"Whose connection it is; empty without a seat."`
	Type   string `json:"type" doc:"The message's type; empty if it has none."`
	Bytes  int    `json:"bytes" doc:"Its size."`
	Lost   int    `json:"lost,omitempty" doc:"How many messages before this one are missing, because they came too fast."`
}

// watchRoom sends the signaling of a room, a few times a second.
func (a *API) watchRoom(w http.ResponseWriter, q *request) *failure {
	if _, refusal := a.config.Rooms.View(q.Context(), q.roomID); refusal != "" {
		return &failure{refusal, ""}
	}
	t := &tap{}
	end, refusal := a.config.Own.Watch(q.Context(), q.roomID, t.add)
	switch {
	case refusal == protocol.CodeRoomUnavailable && a.config.OwnerAddress != nil:
		return &failure{protocol.CodeRoomElsewhere, a.config.OwnerAddress(q.roomID)}
	case refusal != "":
		return &failure{refusal, ""}
	}
	defer end()
	return a.stream(w, q, func(s *sender) { a.sendSignals(s, q, t) })
}

// sendSignals sends what a tap holds.
func (a *API) sendSignals(s *sender, q *request, t *tap) {
	if !s.flush() {
		return
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for quiet := time.Duration(0); ; quiet += watchEvery {
		select {
		case <-ticker.C:
		case <-q.Context().Done():
			return
		case <-a.config.Draining:
			return
		}
		signals, lost := t.take()
		for i, signal := range signals {
			sent := Signal{signal.AtMs, signal.Sent, signal.UserID, signal.Type, signal.Bytes, 0}
			if i == 0 {
				sent.Lost = lost
			}
			s.add("", "", sent)
		}
		switch {
		case len(signals) > 0:
			if quiet = 0; !s.flush() {
				return
			}
		case quiet >= heartbeat:
			if quiet = 0; !s.beat() {
				return
			}
		}
	}
}

// watchEvery is how often what a room's watcher has not seen is sent.
const watchEvery = 250 * time.Millisecond

// tap holds the messages of a room until they are sent.
type tap struct {
	mu      sync.Mutex
	signals []rooms.Signal
	lost    int
}

func (t *tap) add(s rooms.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.signals) == watchSize {
		t.lost++
		return
	}
	t.signals = append(t.signals, s)
}

func (t *tap) take() (signals []rooms.Signal, lost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	signals, lost = t.signals, t.lost
	t.signals, t.lost = nil, 0
	return signals, lost
}
