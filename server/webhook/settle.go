package webhook

import "usher/server/store"

// settle removes from the queue what is done.
func (s *Sender) settle() {
	if len(s.sent)+len(s.failed) == 0 {
		return
	}
	failed, err := s.readFailed()
	if err == nil {
		err = s.config.Queue.Settle(s.sent, failed)
	}
	if err != nil {
		s.config.Log.Error("webhooks that were sent cannot be removed from the queue; a restart sends them again", "error", err)
		return // later
	}
	s.sent, s.failed = s.sent[:0], s.failed[:0]
}

// readFailed returns the messages that are to be set aside, as far as they still wait.
func (s *Sender) readFailed() (failed []store.Queued, err error) {
	for _, m := range s.failed {
		found, err := s.config.Queue.Waiting(m.Seq-1, 1)
		if err != nil {
			return nil, err
		}
		if len(found) == 1 && found[0].Seq == m.Seq {
			found[0].Failure = m.Failure
			failed = append(failed, found[0])
		}
	}
	return failed, nil
}
