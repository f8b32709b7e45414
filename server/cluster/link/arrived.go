package link

import (
	"encoding/binary"
	"time"

	"usher/server/edge"
	"usher/server/rooms"
)

// maxReads bounds the questions under way to one node. Each alarm of a room has one.
const maxReads = 1 << 12

// ReadArrived waits until everything that had arrived at other nodes for these sockets when it was
// called has been Received, or for 1.5 s. It ignores sockets that are not remote. It is for
// rooms.Config.ReadArrived, beside the edge's own, because a deadline is judged only after what has
// already arrived.
func (l *Links) ReadArrived(sockets []rooms.Socket) {
	byLink := make(map[*link][]byte)
	for _, s := range sockets {
		if s, ok := s.(*socket); ok && len(byLink[s.link]) < TurnBytes/2 {
			byLink[s.link] = binary.AppendUvarint(byLink[s.link], s.conn)
		}
	}
	if len(byLink) == 0 {
		return
	}
	var waits []<-chan struct{}
	for k, listed := range byLink {
		if done := k.askRead(l.conns.Add(1), listed); done != nil {
			waits = append(waits, done)
		}
	}
	timeout := time.NewTimer(readTimeout)
	defer timeout.Stop()
	for _, done := range waits {
		select {
		case <-done:
		case <-timeout.C:
			return
		}
	}
}

// askRead asks the edge to read. Nil if it cannot be asked.
func (k *link) askRead(number uint64, listed []byte) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.peer == 0 || len(k.reads) >= maxReads {
		return nil
	}
	if k.reads == nil {
		k.reads = make(map[uint64]chan<- struct{})
	}
	done := make(chan struct{})
	k.reads[number] = done
	k.item(&Item{Kind: Read, Conn: number, Bytes: listed}, nil)
	k.flush()
	return done
}

// read is the edge's end: what is read meanwhile is sent before the reply.
func (k *link) read(number uint64, i *Item) {
	k.mu.Lock()
	if k.peer != number || k.underWay >= maxUnderWay {
		k.mu.Unlock()
		return
	}
	k.underWay++
	var sockets []edge.Socket
	for conn := range conns(i.Bytes) {
		if s := k.sessions[conn]; s != nil {
			sockets = append(sockets, s.socket)
		}
	}
	k.mu.Unlock()
	reply := Item{Kind: Arrived, Conn: i.Conn}
	go func() {
		k.links.config.ReadArrived(sockets)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.underWay--; k.peer == number {
			k.item(&reply, nil)
			k.flush()
		}
	}()
}

// arrived is the owner's end: all that came before has been Received.
func (k *link) arrived(i *Item) {
	k.mu.Lock()
	done := k.reads[i.Conn]
	delete(k.reads, i.Conn)
	k.mu.Unlock()
	if done != nil {
		close(done)
	}
}
