package lease

import (
	"slices"
	"strings"
)

// fetchMs is when the next request is to be sent.
func (s *step) fetchMs() int64 {
	switch f := &s.fetch; {
	case f.request != 0:
		return f.sentMs + s.config.ReplyMs
	case f.wanted:
		return f.atMs
	case s.steady():
		return f.sentMs + s.config.SteadyPollMs
	default:
		return f.sentMs + s.config.PollMs
	}
}

// steady reports whether nothing has changed for the time of a lease and everybody renews in time:
// then nobody waits for what the next fetch shows.
func (s *step) steady() bool {
	if !s.valid || s.move != nil || s.freezing+s.stopped > 0 || s.nowMs < s.changedMs+s.config.TTLMs {
		return false
	}
	staleMs := s.config.RenewMs + s.config.SteadyPollMs + s.config.PollMs
	return !slices.ContainsFunc(s.peers, func(p peer) bool { return p.lives() && s.nowMs >= p.firstMs+staleMs })
}

func (s *step) fetchAgain() {
	f := &s.fetch
	if s.nowMs < s.fetchMs() {
		return
	}
	s.request++
	*f = fetch{request: s.request, sentMs: s.nowMs, taken: f.taken}
	s.effects = append(s.effects, Effect{Kind: Fetch, Request: s.request, AtLeast: s.floor})
}

// fetched learns what one replica knew at one moment, unless that is older than what is known. The
// reply may be to an earlier request than the last one: a store that takes longer for each than
// this node waits would never be heard.
func (s *step) fetched() {
	f := &s.fetch
	if s.event.Request <= f.taken || s.event.Request > s.request {
		return
	}
	isLast := s.event.Request == f.request
	if isLast {
		f.request, f.atMs = 0, 0
	}
	if s.event.Revision < s.floor && s.broken&(oldTable|oldLeases) == 0 {
		if isLast {
			f.wanted, f.atMs = true, s.nowMs+s.config.RetryMs
		}
		return
	}
	f.taken = s.event.Request
	again := f.wanted
	var own, table *Stored
	for i := range s.event.Records {
		stored := &s.event.Records[i]
		id, isNode := strings.CutPrefix(stored.Key, NodePrefix)
		switch {
		case stored.Key == TableKey:
			table = stored
		case isNode && ValidID(id):
			s.know(stored.Revision)
			s.peer(id, stored)
			if id == s.self.ID {
				own = stored
			}
		}
	}
	s.ownKey(own)
	if s.phase == over {
		return
	}
	if table != nil {
		s.fetchedTable(table)
	}
	s.forgetMissing()
	s.unresolved(s.next)
	s.unresolved(s.move)
	f.wanted = again
	s.looked = true
}

// peer learns a node's record.
func (s *step) peer(id string, stored *Stored) {
	at, found := s.find(id)
	if !found {
		s.peers = slices.Insert(s.peers, at, peer{Incarnation: Incarnation{ID: id}})
	}
	p := &s.peers[at]
	if found && p.revision == stored.Revision {
		p.readAt = max(p.readAt, s.event.Revision)
		return
	}
	record, err := DecodeRecord(id, stored.Bytes)
	if err != nil {
		s.unreadable(stored, err)
	}
	before := *p
	*p = peer{
		Incarnation: Incarnation{id, record.Nonce}, revision: stored.Revision, readAt: s.event.Revision,
		record: record, err: err, firstMs: s.nowMs,
	}
	if err != nil {
		p.Incarnation = before.Incarnation // nothing is known of it, so nothing has ended
		p.joined = before.joined
		return
	}
	if !found || before.Incarnation != p.Incarnation || before.lives() != p.lives() || before.record.Draining != record.Draining {
		s.changedMs = s.nowMs
	}
	p.joined = before.joined && before.Incarnation == p.Incarnation && p.lives()
	if before.joined && !p.joined {
		s.effects = append(s.effects, Effect{Kind: Gone, Node: before.Incarnation})
	}
	if !p.joined && p.lives() && id != s.self.ID {
		p.joined = true
		s.effects = append(s.effects, Effect{Kind: Joined, Node: p.Incarnation})
	}
}

func (s *step) fetchedTable(stored *Stored) {
	if stored.Revision <= s.tableRevision && s.broken&oldTable == 0 {
		return
	}
	table, err := DecodeTable(stored.Bytes)
	if err != nil {
		s.unreadable(stored, err)
		s.unreadableTable, s.move = stored.Revision, nil // which cannot be stored any more
		return
	}
	s.know(stored.Revision)
	s.adopt(table, stored.Revision)
}

// unreadable reports a key once a revision. What cannot be read proves nothing and is never
// written over; the node goes on with what it knew.
func (s *step) unreadable(stored *Stored, err error) {
	at := slices.IndexFunc(s.badRows, func(u unreadable) bool { return u.key == stored.Key })
	if at < 0 {
		s.badRows = append(s.badRows, unreadable{key: strings.Clone(stored.Key)})
		at = len(s.badRows) - 1
	}
	if s.badRows[at].revision != stored.Revision {
		s.badRows[at].revision = stored.Revision
		s.effects = append(s.effects, Effect{Kind: Unreadable, Key: s.badRows[at].key, Err: err})
	}
}
