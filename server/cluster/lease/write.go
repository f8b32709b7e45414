package lease

// send sends a write, for the first time or again.
func (s *step) send(w *write) {
	s.request++
	w.attempts[w.tries%maxAttempts] = attempt{s.request, s.nowMs}
	w.tries++
	w.againMs = s.nowMs + s.config.ReplyMs
	s.put(w.key, w.expected, w.bytes)
}

// put is a Put of the request that was numbered last.
func (s *step) put(key string, expected uint64, bytes []byte) {
	if key == TableKey && s.broken&tableWithoutCAS != 0 || key != TableKey && key != NodePrefix+s.self.ID && s.broken&evictWithoutCAS != 0 {
		expected = anyRevision
	}
	s.effects = append(s.effects, Effect{Kind: Put, Request: s.request, Key: key, Expected: expected, Bytes: bytes})
}

// unresolved sends a write again that collided with a revision which the reply to a fetch did not
// have. That is safe, because the same condition stands.
func (s *step) unresolved(w *write) {
	if w != nil && w.conflicted {
		w.conflicted, w.againMs = false, s.nowMs+s.config.RetryMs
	}
}

// know raises the floor.
func (s *step) know(revision uint64) { s.floor = max(s.floor, revision) }

// sent is when a request was sent, if it is an attempt of this write.
func (w *write) sent(request uint64) (sentMs int64, ok bool) {
	if w == nil {
		return 0, false
	}
	for _, a := range w.attempts {
		if a.request == request && request != 0 {
			return a.sentMs, true
		}
	}
	return 0, false
}

// writeTable writes what was changed, if anything was.
func (s *step) writeTable(e *edit) {
	if !e.changed {
		return
	}
	table, ok := e.table()
	if !ok {
		return // more than MaxNodes: the others wait until some are gone from it
	}
	s.move = &write{key: TableKey, expected: s.tableRevision, table: table, bytes: table.Append(nil)}
	s.send(s.move)
}
