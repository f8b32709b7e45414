package link

import (
	"context"

	"usher/protocol"
	"usher/room"
)

// finding is what comes of a question about a room.
type finding struct {
	summary protocol.RoomSummary
	// takenAtMs and createdMs are those of AskSeat and Create.
	takenAtMs, createdMs int64
	refusal              protocol.Code
}

// Describe implements edge.Rooms.
func (l *Links) Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code) {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.Describe(ctx, roomID)
	}
	f := l.ask(ctx, p, Ask, []byte(roomID))
	return f.summary, f.refusal
}

// Seated implements edge.Rooms.
func (l *Links) Seated(ctx context.Context, roomID, userID, token string) (takenAtMs int64, refusal protocol.Code) {
	p := l.config.Place(roomID)
	switch {
	case p.Here:
		return l.config.Local.Seated(ctx, roomID, userID, token)
	case len(token) > MaxTokenBytes:
		return 0, protocol.CodeInvalidResumeToken
	}
	c := claim{roomID, userID, token}
	f := l.ask(ctx, p, AskSeat, c.append(nil))
	return f.takenAtMs, f.refusal
}

// ask asks the owner of a room.
func (l *Links) ask(ctx context.Context, p Place, kind Kind, question []byte) finding {
	k := l.owner(p)
	if k == nil {
		return finding{refusal: protocol.CodeRoomUnavailable}
	}
	ctx, cancel := context.WithTimeout(ctx, OpenTimeout)
	defer cancel()
	number, reply := l.conns.Add(1), make(chan finding, 1)
	if !k.ask(&Item{Kind: kind, Shard: uint16(p.Shard), Term: p.Term, Conn: number}, question, reply) {
		return finding{refusal: protocol.CodeRoomUnavailable}
	}
	select {
	case f := <-reply:
		return f
	case <-ctx.Done():
		k.mu.Lock()
		delete(k.asks, number)
		k.mu.Unlock()
		return finding{refusal: protocol.CodeRoomUnavailable}
	}
}

func (k *link) ask(i *Item, question []byte, reply chan<- finding) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.asks) >= maxUnderWay || !k.open() {
		return false
	}
	if k.asks == nil {
		k.asks = make(map[uint64]chan<- finding)
	}
	k.asks[i.Conn] = reply
	k.item(i, question)
	k.flush()
	return true
}

// replied lets a question return.
func (k *link) replied(i *Item) {
	k.mu.Lock()
	reply := k.asks[i.Conn]
	delete(k.asks, i.Conn)
	k.mu.Unlock()
	if reply == nil {
		return
	}
	var f finding
	switch i.Kind {
	case Described:
		f.summary, f.refusal, _ = decodeDescription(i.Bytes)
	case Seated:
		f.takenAtMs, f.refusal, _ = decodeHolding(i.Bytes)
	case Created:
		f.createdMs, f.refusal, _ = decodeCreation(i.Bytes)
	default: // Moved
		f.refusal = protocol.CodeRoomUnavailable
	}
	reply <- f
}

// replyFor replies to what the other node asks about a room, once that is stored.
func (k *link) replyFor(number uint64, i *Item) {
	var (
		c claim
		a room.Arrangement
	)
	switch i.Kind {
	case AskSeat:
		c, _ = decodeClaim(i.Bytes)
	case Create:
		c.roomID, a, _ = decodeArrangement(i.Bytes)
	default:
		c.roomID = string(i.Bytes)
	}
	if !k.begin(number, i, nil, c.roomID) {
		return
	}
	asked := *i
	asked.Bytes = nil // they are the message's
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), OpenTimeout)
		defer cancel()
		reply := k.replyTo(ctx, &asked, &c, &a)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.underWay--; k.peer == number {
			k.item(&reply, nil)
			k.flush()
		}
	}()
}

func (k *link) replyTo(ctx context.Context, i *Item, c *claim, a *room.Arrangement) Item {
	reply := Item{Kind: Described, Shard: i.Shard, Term: i.Term, Conn: i.Conn}
	switch i.Kind {
	case AskSeat:
		takenAtMs, refusal := k.links.config.Local.Seated(ctx, c.roomID, c.userID, c.token)
		reply.Kind, reply.Bytes = Seated, appendHolding(nil, takenAtMs, refusal)
	case Create:
		createdMs, refusal := k.links.config.Local.Create(ctx, c.roomID, *a)
		reply.Kind, reply.Bytes = Created, appendCreation(nil, createdMs, refusal)
	default:
		summary, refusal := k.links.config.Local.Describe(ctx, c.roomID)
		reply.Bytes = appendDescription(nil, &summary, refusal)
	}
	return reply
}

// refusalOf refuses a question.
func refusalOf(i *Item, refusal protocol.Code) Item {
	reply := Item{Kind: Described, Shard: i.Shard, Term: i.Term, Conn: i.Conn}
	switch i.Kind {
	case AskSeat:
		reply.Kind, reply.Bytes = Seated, appendHolding(nil, 0, refusal)
	case Create:
		reply.Kind, reply.Bytes = Created, appendCreation(nil, 0, refusal)
	default:
		reply.Bytes = appendDescription(nil, nil, refusal)
	}
	return reply
}
