package stream

// rememberLocked makes e what is known of its room. The caller holds the lock.
func (s *Stream) rememberLocked(e *entry) {
	if before := s.rooms[e.id]; before != nil {
		s.forgetLocked(before)
	}
	s.rooms[e.id] = e
	if s.shards[e.shard] == nil {
		s.shards[e.shard] = make(map[*entry]struct{})
	}
	s.shards[e.shard][e] = struct{}{}
}

// forgetLocked forgets e, if nothing newer is known of its room. The caller holds the lock.
func (s *Stream) forgetLocked(e *entry) {
	if s.rooms[e.id] != e {
		return
	}
	if e.outbox != nil {
		s.moves.bytes -= e.outbox.bytes
	}
	delete(s.rooms, e.id)
	delete(s.shards[e.shard], e)
	if len(s.shards[e.shard]) == 0 {
		s.shards[e.shard] = nil
	}
}

// Release forgets what is known of the rooms of a shard from a term that is over. Writes under way
// end by themselves.
func (s *Stream) Release(shard int, term Term) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.shards[shard] {
		if e.term == term && e.writing == nil {
			s.forgetLocked(e)
		}
	}
}
