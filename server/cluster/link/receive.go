package link

import "usher/server/tracing"

// receive handles one message. The transport calls it.
func (l *Links) receive(self Incarnation, message []byte) {
	m, err := decode(message, l.config.Wire)
	if err != nil {
		l.dropped.Add(1)
		l.config.Log.Debug("a message of another node was dropped", "error", err)
		return
	}
	k := l.sender(&m)
	if k == nil || k.self != self {
		l.dropped.Add(1)
		return
	}
	k.receive(&m, len(message))
}

// receive handles a message of the other node.
func (k *link) receive(m *Message, size int) {
	k.receiving.Lock()
	defer k.receiving.Unlock()
	k.mu.Lock()
	taken := k.admit(&m.Head)
	k.mu.Unlock()
	if !taken {
		return
	}
	for i := range m.Items() {
		if !k.handle(m.Link, &i) {
			return
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.peer != m.Link {
		return
	}
	k.handled += uint64(size)
	if k.handled-k.acknowledged >= acknowledgeBytes {
		k.beat()
	}
}

// handle handles an item of the link with that number. It returns false if the link is over.
func (k *link) handle(number uint64, i *Item) bool {
	switch i.Kind {
	case Beat:
	case Traced:
		k.traced, k.trace = i.Conn, tracing.DecodeContext(i.Bytes)
	case Open:
		k.openFor(number, i)
	case Ask, AskSeat, Create, CreateWith, Operate, AskView:
		k.replyFor(number, i)
	case Frame, Invalid, Binary, Seen, Exceeded, End, Gone:
		return k.happened(number, i)
	case Arrived:
		k.arrived(i)
	case Opened, Refused, Send, Ping, Close, Cut, Stands:
		return k.handleAtEdge(number, i)
	case Moved:
		k.replied(i) // of a question, if it was one
		return k.handleAtEdge(number, i)
	case Described, Seated, Created, Operated, Viewed:
		k.replied(i)
	case Read:
		k.read(number, i)
	default: // of a newer version
		k.links.dropped.Add(1)
	}
	return true
}
