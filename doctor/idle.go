package doctor

import (
	"context"
	"errors"
	"strings"
	"time"
)

// silence is a connection on which nothing is said, to find out after how long who closes it.
type silence struct {
	done chan struct{}
	// closedAfter is 0 if it still worked after the whole time.
	closedAfter time.Duration
	why         error
}

// beginSilence opens a connection that is silent while the other checks go on.
func (e *examination) beginSilence(ctx context.Context) {
	if e.plan.Idle == 0 {
		return
	}
	s, refused := e.open(ctx, nil, roomID(), "")
	if refused != nil {
		return // checkFrames says why
	}
	e.silence = &silence{done: make(chan struct{})}
	go e.silence.keep(ctx, s, e.plan.Idle)
}

func (q *silence) keep(ctx context.Context, s *socket, length time.Duration) {
	defer close(q.done)
	defer s.close()
	began := time.Now()
	if q.why = s.send(ctx, ping); q.why != nil {
		return
	}
	_, _ = s.await(ctx, pongPatience, "PONG")
	_, err := s.await(ctx, length, "nothing")
	if errors.Is(err, errNothing) {
		// A proxy may have forgotten the connection without closing it.
		if err = s.send(ctx, ping); err == nil {
			if _, err = s.await(ctx, pongPatience, "PONG"); err == nil {
				return
			}
		}
	}
	q.closedAfter, q.why = time.Since(began), err
}

// checkSilence waits for the end of the silence.
func (e *examination) checkSilence(ctx context.Context) bool {
	const check = "idle"
	if e.silence == nil {
		return true
	}
	select {
	case <-e.silence.done:
	case <-ctx.Done():
		return false
	}
	e.report(e.silence.judge(check, e.plan.Idle, e.pingInterval, e.linesFor(silenceLines)))
	return true
}

// defaultPingInterval is usher's, if no join reply says another one.
const defaultPingInterval = 20 * time.Second

// judge compares when the connection was closed with how often clients say something.
func (q *silence) judge(check string, tried, pingInterval time.Duration, lines []Lines) Finding {
	if pingInterval == 0 {
		pingInterval = defaultPingInterval
	}
	closed := q.closedAfter.Round(time.Second / 10)
	const idleForTooLong = "4008"
	switch {
	case q.closedAfter == 0 && q.why == nil:
		return good(check, "a connection survives a silence of %v; clients send a PING every %v", tried, pingInterval)
	case q.why != nil && strings.Contains(q.why.Error(), idleForTooLong):
		return good(check, "usher itself closes a connection that is silent for %v", closed)
	case closed < pingInterval:
		f := failure(check, "raise the proxy's time-out over --idle-timeout of the server (90 s)",
			"a connection is closed after %v of silence, although clients send a PING only every %v", closed, pingInterval)
		f.Add = lines
		return f
	}
	// Browsers delay the timers of hidden tabs up to a minute.
	f := warning(check, "raise the proxy's time-out over --idle-timeout of the server (90 s)",
		"a connection is closed after %v of silence; a hidden tab may send a PING only once a minute", closed)
	f.Add = lines
	return f
}
