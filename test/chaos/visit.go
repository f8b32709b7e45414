package chaos

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// visit is one socket of a person.
type visit struct {
	person *person
	ws     *websocket.Conn
	// floor is what had been shown before the join was sent, at joining.
	floor   numbers
	joining time.Time

	mu sync.Mutex
	// asked are the changes without a reply, in the order of sending.
	asked []change
}

type change struct {
	name, number int
	floor        numbers
	at           time.Time
}

// take handles a frame. An error ends the socket.
func (v *visit) take(f *frame, bytes []byte) error {
	p, floor := v.person, numbers{}
	switch f.Type {
	case "ROOM_CREATED", "ROOM_JOINED":
		if !p.seated.Load() {
			v.sit(f)
			floor = v.floor
			if f.RoomState != nil {
				p.room.markAway(f.RoomState, v.joining, time.Now())
			}
		}
	case "ROOM_RENAMED":
		floor = v.replied(p.index == 0, roomName, number(f.NewRoomName))
	case "USER_RENAMED":
		floor = v.replied(f.UserID == p.id, p.index, number(f.NewUserName))
	case "WEBRTC_ICE_CANDIDATE":
		v.relayed(f)
	case "USER_JOINED", "USER_LEFT", "HOST_CHANGED":
		if p.knowsAll() {
			p.room.violation("%s: %.300s", p, bytes)
		}
	case "ERROR":
		return v.refused(f, bytes)
	case "UNDELIVERED":
		p.tally.refused("UNDELIVERED " + f.Code)
		if f.Code != "TARGET_AWAY" && p.knowsAll() {
			p.room.violation("%s: %.300s", p, bytes)
		}
	}
	if f.RoomState != nil {
		p.room.look(p, f.Type, f.RoomState, floor)
	}
	return nil
}

// refused handles an ERROR: before the reply to the join it is about the join.
func (v *visit) refused(f *frame, bytes []byte) error {
	p := v.person
	p.tally.refused("ERROR " + f.Code)
	expired := p.visits > 0 && time.Since(p.left) > grace
	if !f.Retryable && !expired || f.Code == "SEAT_HELD" {
		p.room.violation("%s: %.300s", p, bytes)
	}
	if !p.seated.Load() {
		return errRefused
	}
	return nil
}

func (v *visit) relayed(f *frame) {
	for sender := range v.person.room.people {
		if f.UserID == v.person.room.user(sender) && f.Candidate != nil {
			v.person.relayed(sender, f.Candidate)
			v.person.tally.relays.Add(1)
			return
		}
	}
	v.person.room.violation("%s: a frame of %q", v.person, f.UserID)
}

// replied notes the reply to a change if it is this person's own, and returns the change's floor.
func (v *visit) replied(own bool, name, n int) (floor numbers) {
	if !own {
		return floor
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	left := v.asked[:0]
	for _, c := range v.asked {
		if c.name != name || c.number > n {
			left = append(left, c)
			continue
		}
		floor = c.floor
	}
	if len(left) < len(v.asked) {
		v.person.room.replied(time.Now())
	}
	v.asked = left
	return floor
}

// talk sends relays, changes and PINGs until the socket ends.
func (v *visit) talk(ctx context.Context, socket int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	pause(ctx, time.Duration(random.Int64N(int64(tick)))) // so that not all people talk at once
	var sent [peopleOfRoom]int
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if v.person.cluster.quiet.Load() {
			continue
		}
		if i%ticksOfPing == 0 {
			v.send(ctx, []byte(`{"type":"PING"}`))
		}
		if i%ticksOfChange == 0 {
			v.change(ctx, i/ticksOfChange)
		}
		for to, other := range v.person.room.people {
			if other == nil || to == v.person.index {
				continue
			}
			sent[to]++
			v.relay(ctx, to, candidate{Socket: socket, Number: sent[to], At: time.Now().UnixNano()})
		}
	}
}

func (v *visit) send(ctx context.Context, message []byte) {
	_ = v.ws.Write(ctx, websocket.MessageText, message) // the reader sees a dead socket
}

// change asks for the next change, unless the last one has no reply yet.
func (v *visit) change(ctx context.Context, turn int) {
	p := v.person
	if !p.room.isComplete() {
		if p.index == 0 && p.room.everybodyCame() {
			v.send(ctx, p.makeCohost())
		}
		return
	}
	name := p.index
	if p.index == 0 && turn%2 == 0 {
		name = roomName
	}
	v.mu.Lock()
	if n := len(v.asked); n > 0 && time.Since(v.asked[n-1].at) < askAgain {
		v.mu.Unlock()
		return
	}
	c := change{name: name, floor: p.room.floor(), number: p.room.ask(name), at: time.Now()}
	v.asked = append(v.asked, c)
	v.mu.Unlock()
	v.send(ctx, p.rename(name, c.number))
}

func (v *visit) relay(ctx context.Context, to int, c candidate) {
	message, err := json.Marshal(relay{
		Type: "WEBRTC_ICE_CANDIDATE", RoomID: v.person.room.id, UserID: v.person.id,
		TargetUserID: v.person.room.user(to), Candidate: c,
	})
	if err != nil {
		panic(err) // of strings and numbers
	}
	v.send(ctx, message)
}
