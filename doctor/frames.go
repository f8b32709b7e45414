package doctor

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ping is what the worker answers without waking a room.
const ping = `{"type":"PING"}`

// pongPatience is how long a PONG may take. A browser's client gives up after 10 s.
const pongPatience = 3 * time.Second

// Frames are sent apart, and should arrive apart.
const (
	pacedFrames = 9
	pacedEvery  = 60 * time.Millisecond
	// joinedWithin is how close frames arrive that have been held back together.
	joinedWithin = 5 * time.Millisecond
	// maxExtra is how much longer than a connection to open a PONG may take.
	maxExtra = 300 * time.Millisecond
	// rounds: a machine that is busy for a moment is no proxy that buffers.
	rounds = 3
)

// pushOut sends PINGs until a PONG comes, and returns how many it took, 0 if none came.
func (s *socket) pushOut(ctx context.Context) int {
	const maxPings, between = 2000, 20
	for sent := between; sent <= maxPings; sent += between {
		for range between {
			if s.send(ctx, ping) != nil {
				return 0
			}
		}
		if _, err := s.await(ctx, joinedWithin, "PONG"); err == nil {
			return sent
		}
	}
	if _, err := s.await(ctx, pongPatience, "PONG"); err == nil {
		return maxPings
	}
	return 0
}

// checkFrames sends frames apart, and looks whether replies come late or together.
func (e *examination) checkFrames(ctx context.Context) bool {
	const check = "frames"
	s, refused := e.open(ctx, nil, roomID(), "")
	if refused != nil {
		e.report(e.refusedSocket(check, refused))
		return true
	}
	defer s.close()
	best := pace{joined: pacedFrames}
	for range rounds {
		p, err := s.pace(ctx)
		switch {
		case errors.Is(err, errNothing):
			f := failure(check, "turn its buffering off", "a PONG did not come within %v while others did: a proxy holds frames back", pongPatience)
			f.Add = e.linesFor(bufferLines)
			e.report(f)
			return true
		case err != nil:
			e.report(failure(check, "look at the log of the server, and of the proxy", "%v", err))
			return true
		}
		if p.joined < best.joined || p.joined == best.joined && p.median < best.median {
			best = p
		}
		if !best.isHeldBack(e.connected) {
			break
		}
	}
	if best.isHeldBack(e.connected) {
		f := failure(check, "turn its buffering off", "a proxy holds frames back: a PONG takes %s, although a connection opens in %s, and %d of %d came together",
			ms(best.median), ms(e.connected), best.joined, pacedFrames-1)
		f.Add = e.linesFor(bufferLines)
		e.report(f)
		return true
	}
	e.report(good(check, "arrive one by one, %s after they are sent", ms(best.median)))
	return true
}

// pace is what became of frames that were sent apart.
type pace struct {
	median time.Duration
	// joined is how many arrived together with the one before.
	joined int
}

func (p pace) isHeldBack(connected time.Duration) bool {
	return p.joined >= pacedFrames/2 || p.median > connected+maxExtra
}

// pace sends PINGs evenly, and compares when the PONGs arrive.
func (s *socket) pace(ctx context.Context) (p pace, err error) {
	var sent []time.Time
	every := time.NewTicker(pacedEvery)
	defer every.Stop()
	for range pacedFrames {
		sent = append(sent, time.Now())
		if err := s.send(ctx, ping); err != nil {
			return p, err
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
	var took []time.Duration
	var before time.Time
	for i := range pacedFrames {
		m, err := s.await(ctx, pongPatience, "PONG")
		if err != nil {
			return p, err
		}
		if i > 0 && m.at.Sub(before) < joinedWithin {
			p.joined++
		}
		before = m.at
		took = append(took, m.at.Sub(sent[i]))
	}
	slices.Sort(took)
	p.median = took[len(took)/2]
	return p, nil
}
