package bench

import (
	"errors"
	"time"
)

// watch ends each second of the tally and reports progress until over is closed.
func (r *run) watch(over <-chan struct{}, report func(Progress)) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for i := 1; ; i++ {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		if i%int(time.Second/progressEvery) == 0 {
			r.tally.endSecond()
		}
		if report != nil {
			report(r.progress())
		}
	}
}

func (r *run) progress() Progress {
	r.mu.Lock()
	p := Progress{Phase: r.phase}
	r.mu.Unlock()
	joins := float64(r.plan.total()) / r.plan.JoinRate
	whole := joins + r.plan.Duration.Seconds()
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	p.Seated, p.Messages = r.tally.seated, r.tally.arrived
	for _, n := range r.tally.refusals {
		p.Errors += n
	}
	for _, n := range r.tally.closes {
		p.Errors += n
	}
	p.Done = min(1, time.Since(r.tally.began).Seconds()/whole)
	return p
}

// failedToConnect counts a connection that did not come about.
func (r *run) failedToConnect(err error) {
	var refusal *httpRefusal
	if errors.As(err, &refusal) {
		r.tally.refused(refusal.code, refusal.text)
		return
	}
	r.tally.refused("CONNECT", "a connection failed: "+root(err).Error())
}

// hopeless reports that so much was refused that going on shows nothing.
func (r *run) hopeless() bool {
	const most = 200
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	n := 0
	for _, count := range r.tally.refusals {
		n += count
	}
	return n >= most
}

// root is the innermost error.
func root(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
