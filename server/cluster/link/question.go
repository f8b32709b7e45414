package link

import (
	"context"
	"reflect"

	"usher/protocol"
	"usher/room"
)

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
		f.made, f.refusal, _ = decodeCreation(i.Bytes)
	case Operated:
		f.refusal, _ = decodeOutcome(i.Bytes)
	case Viewed:
		f.view, f.refusal, _ = decodeView(i.Bytes)
	default: // Moved
		f.refusal = protocol.CodeRoomUnavailable
	}
	reply <- f
}

// owns returns whether this node owns a room in the term that the edge knows.
func (k *link) owns(roomID string, i *Item) bool {
	p := k.links.config.Place(roomID)
	return p.Here && p.Shard == int(i.Shard) && p.Term == i.Term
}

// begin counts a room that is to be opened or described. It returns false if the link is over, or
// what is asked is refused.
func (k *link) begin(number uint64, i *Item, s *socket, roomID string) bool {
	owns := protocol.ValidRoomID(roomID) && k.owns(roomID, i)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.peer != number {
		return false
	}
	reply := Item{Kind: Moved, Shard: i.Shard, Term: i.Term, Conn: i.Conn}
	refusal := protocol.Code("")
	switch {
	case !owns:
	case k.underWay >= maxUnderWay, s != nil && (len(k.sockets) >= MaxSockets || k.sockets[i.Conn] != nil):
		refusal = protocol.CodeServerFull
		if reply.Kind = Refused; s == nil {
			reply = refusalOf(i, refusal)
		}
	default:
		k.underWay++
		if s != nil {
			if k.sockets == nil {
				k.sockets = make(map[uint64]*socket)
			}
			k.sockets[i.Conn] = s
		}
		return true
	}
	if reply.Bytes == nil {
		reply.Bytes = []byte(refusal)
	}
	k.item(&reply, nil)
	k.flush()
	return false
}

// replyFor replies to what the other node asks about a room, once that is stored.
func (k *link) replyFor(number uint64, i *Item) {
	var (
		c claim
		a room.Arrangement
		o room.Act
	)
	switch i.Kind {
	case AskSeat:
		c, _ = decodeClaim(i.Bytes)
	case Create:
		c.roomID, a, _ = decodeArrangement(i.Bytes)
	case CreateWith:
		c.roomID, a, _ = decodeArrangementWith(i.Bytes)
	case Operate:
		c.roomID, o, _ = decodeAct(i.Bytes)
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
		reply := k.replyTo(ctx, &asked, &c, &a, &o)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.underWay--; k.peer == number {
			k.item(&reply, nil)
			k.flush()
		}
	}()
}

func (k *link) replyTo(ctx context.Context, i *Item, c *claim, a *room.Arrangement, o *room.Act) Item {
	reply := Item{Kind: Described, Shard: i.Shard, Term: i.Term, Conn: i.Conn}
	switch i.Kind {
	case AskSeat:
		takenAtMs, refusal := k.links.config.Local.Seated(ctx, c.roomID, c.userID, c.token)
		reply.Kind, reply.Bytes = Seated, appendHolding(nil, takenAtMs, refusal)
	case Create, CreateWith:
		made, refusal := k.links.config.Local.Create(ctx, c.roomID, *a)
		reply.Kind, reply.Bytes = Created, appendCreation(nil, &made, refusal)
	case Operate:
		reply.Kind, reply.Bytes = Operated, appendShort(nil, k.links.config.Local.Operate(ctx, c.roomID, *o))
	case AskView:
		view, refusal := k.links.config.Local.View(ctx, c.roomID)
		reply.Kind, reply.Bytes = Viewed, appendView(nil, &view, refusal)
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
	case Create, CreateWith:
		reply.Kind, reply.Bytes = Created, appendCreation(nil, new(room.Creation), refusal)
	case Operate:
		reply.Kind, reply.Bytes = Operated, appendShort(nil, refusal)
	case AskView:
		reply.Kind, reply.Bytes = Viewed, appendView(nil, nil, refusal)
	default:
		reply.Bytes = appendDescription(nil, nil, refusal)
	}
	return reply
}

// Create implements edge.Rooms.
func (l *Links) Create(ctx context.Context, roomID string, a room.Arrangement) (made room.Creation, refusal protocol.Code) {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.Create(ctx, roomID, a)
	}
	kind, question := Create, appendArrangement(nil, roomID, &a)
	if a.RelayOnly || a.KeepMs != 0 || !reflect.ValueOf(a.Door).IsZero() {
		kind, question = CreateWith, append(appendDetails(nil, &a), question...)
	}
	f := l.ask(ctx, p, kind, question)
	return f.made, f.refusal
}

// Operate implements edge.Rooms.
func (l *Links) Operate(ctx context.Context, roomID string, act room.Act) protocol.Code {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.Operate(ctx, roomID, act)
	}
	return l.ask(ctx, p, Operate, appendAct(nil, roomID, &act)).refusal
}

// View implements edge.Rooms.
func (l *Links) View(ctx context.Context, roomID string) (room.View, protocol.Code) {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.View(ctx, roomID)
	}
	f := l.ask(ctx, p, AskView, []byte(roomID))
	return f.view, f.refusal
}
