package server

import (
	"maps"
	"slices"
	"sync"

	"usher/protocol"
	"usher/room"
	"usher/room/roomtest"
	"usher/server/auth"
	"usher/server/servertest"
)

// launch starts a server on a folder, or the nodes of a cluster, with the clock at nowMs.
func (p *replay) launch(dir string, nowMs int64) {
	p.outside = &fakeOutside{atMs: nowMs}
	p.accounts = &fakeAccounts{Auth: &auth.Auth{Passes: auth.NewPasses([32]byte{}, nil)}, required: p.trace.IdentityRequired, asked: make(chan *room.Verdict)}
	if p.account != nil {
		p.servers = p.account.launch(p.t, p.set)
	} else {
		p.servers = []*running{launchSetUp(p.t, dir, p.set)}
	}
	for _, s := range p.servers {
		s.keepPrivate(roomtest.RoomID)
	}
	if p.account == nil { // whose nodes run, and have no timer before there is a room
		servertest.Eventually(p.t, "the server runs", p.outside.isTimed)
	}
}

// set makes a server what the transcript says.
func (p *replay) set(s *setup) {
	behindProxy(s.Config)
	s.Room, s.MaxRoomsPerAddress = p.trace.Config, 1
	s.Room.ByteBurst = max(s.Room.ByteBurst, s.MaxFrameBytes)
	// Validate requires every allowed frame to fit into a burst. A transcript is short, so its
	// burst may be smaller.
	s.tune = func(c *Config) { c.Room.ByteBurst = p.trace.Config.ByteBurst }
	p.outside.set(s)
	s.auth, s.verify, s.readInvite = p.accounts, p.accounts.verify, p.accounts.readInvite
	if p.isLinked {
		p.nodes = linked(p.t, s)
	}
}

// server is the only one, or the node that owns the transcript's room.
func (p *replay) server() *running {
	for _, s := range p.servers {
		if len(p.servers) == 1 || s.owns(p.trace.RoomID) {
			return s
		}
	}
	p.t.Fatalf("%s: nobody owns the room", p.at)
	return nil
}

// edge is the server on which the next socket opens.
func (p *replay) edge() *running {
	p.opened++
	return p.servers[p.opened%len(p.servers)]
}

// connections counts those of all servers.
func (p *replay) connections() (n int64) {
	for _, s := range p.servers {
		n += s.metrics.Connections.Load()
	}
	return n
}

// stop stops all servers at once.
func (p *replay) stop() {
	var stopping sync.WaitGroup
	for _, s := range p.servers {
		stopping.Go(s.stop)
	}
	stopping.Wait()
}

// openSockets returns the open sockets in the order in which they opened.
func (p *replay) openSockets() (list []*replayedSocket) {
	for _, name := range slices.Sorted(maps.Keys(p.sockets)) {
		list = append(list, p.sockets[name])
	}
	return list
}

// cut ends all sockets at the same moment, so that none is told of another's end. It fails if they
// got anything that was not expected.
func (p *replay) cut() {
	cutAll(p.trace.RoomID, p.servers)
	for _, c := range p.openSockets() {
		if c.closed {
			p.end(c.name, protocol.CloseNormal)
		} else {
			p.isOver(c)
		}
	}
}

func (p *replay) restart(clean bool) {
	if p.restoreDisk != nil || p.taken != nil {
		p.t.Fatalf("%s: what is refused would not be refused any more", p.at)
	}
	nowMs := p.outside.nowMs()
	if clean {
		p.drain()
		p.launch(p.servers[0].dir, nowMs)
		return
	}
	// The core's restart keeps everything that a SaveLater covers, so it has to be stored by
	// now.
	p.server().rooms.SaveLater()
	if p.account != nil {
		p.crash()
		p.launch("", nowMs)
		return
	}
	p.eventually("what could wait is stored", func() bool {
		return !p.server().view(p.trace.RoomID).IsUnsaved && p.server().store.(*keptStore).current.Load().Stats().Queued == 0
	})
	dir := p.server().copyStore()
	p.cut()
	p.stop() // on the folder that is not looked at any more
	p.launch(dir, nowMs)
}

// drain ends the server as a signal does. Its clients are told only by 1012. If they answer with
// 1000, that no longer counts as leaving.
func (p *replay) drain() {
	for _, s := range p.servers {
		s.end()
	}
	for _, c := range p.openSockets() {
		if !c.closed {
			p.sees(roomtest.Seen{Conn: c.name, Code: int(protocol.CloseRestart)})
		}
		p.end(c.name, protocol.CloseNormal)
	}
	p.stop()
}
