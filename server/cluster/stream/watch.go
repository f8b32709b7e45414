package stream

import "time"

// watch keeps Healthy true to the facts, until Close. While nothing waits it sleeps.
func (s *Stream) watch() {
	ticker := time.NewTicker(s.tuning.unhealthyAfter / 8)
	defer ticker.Stop()
	var probed time.Time
	for {
		err, busy := s.health.look(s.tuning.unhealthyAfter)
		s.setHealth(err)
		if err != nil && time.Since(probed) > s.tuning.probeEvery {
			probed = time.Now()
			s.probe(func(Result) {})
		}
		if !busy {
			ticker.Stop()
			select {
			case <-s.ctx.Done():
				return
			case <-s.health.wake:
			}
			ticker.Reset(s.tuning.unhealthyAfter / 8)
		}
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Stream) setHealth(err error) {
	was := s.Err()
	if err == nil {
		s.health.failure.Store(nil)
	} else {
		s.health.failure.Store(&err)
	}
	switch {
	case was == nil && err != nil:
		s.log.Error("the stream does not answer: changes are refused", "error", err)
		s.config.OnHealth(err)
	case was != nil && err == nil:
		s.log.Info("the stream answers again")
		s.config.OnHealth(nil)
	}
}
