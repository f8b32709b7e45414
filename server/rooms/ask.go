package rooms

import "slices"

// stored sends true when everything that has happened to the room is stored, and false if that
// failed or the room is gone. The caller holds the lock, and releases it before it waits.
func (l *liveRoom) stored() <-chan bool {
	reply := make(chan bool, 1)
	o := l.owe()
	o.asks = append(o.asks, ask{l.issued, reply})
	if l.gone || l.issued == l.durable {
		l.replyToAsks(!l.gone)
	}
	return reply
}

// forgetAsk forgets what stored returned: nobody waits for it any longer.
func (l *liveRoom) forgetAsk(stored <-chan bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.owed; o != nil {
		o.asks = slices.DeleteFunc(o.asks, func(a ask) bool { return a.reply == stored })
		l.settleOwed()
	}
}

// replyToAsks replies to those whose commit is done, or to everybody if no further commit will be.
func (l *liveRoom) replyToAsks(stored bool) {
	o := l.owed
	if o == nil {
		return
	}
	for len(o.asks) > 0 && (!stored || o.asks[0].commit <= l.durable) {
		o.asks[0].reply <- stored
		o.asks = o.asks[1:]
	}
	l.settleOwed()
}
