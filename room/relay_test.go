package room

// withRelay runs the script with Relay and without it, and returns the first difference between
// the effects and the snapshots. It also returns how many frames Relay took. Relay takes none that
// is worth an attachment, so the worlds have a burst of which a message is a small part.
func withRelay(script []byte, hibernates bool) (relayed int, difference string) {
	long, short := newWorld(), newWorld()
	for _, w := range []*world{long, short} {
		w.config.MessageBurst, w.chatty, w.config.Hibernates = 4*attachPerBurst, true, hibernates
	}
	short.short = true
	script = append(twoPeople[:len(twoPeople):len(twoPeople)], script...)
	if _, fault := long.run(script); fault != "" {
		return 0, fault
	}
	difference = long.compare(short, script)
	if difference == "" && string(long.room.AppendSnapshot(nil)) != string(short.room.AppendSnapshot(nil)) {
		difference = "the snapshots differ"
	}
	return short.relayed, difference
}
