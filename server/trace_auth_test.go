package server

import (
	"context"
	"sync/atomic"

	"usher/protocol"
	"usher/room"
	"usher/room/roomtest"
	"usher/server/auth"
)

// replayedToken is the token of whoever a trace identifies.
const replayedToken = "replayed.to.ken"

// fakeAccounts know whom the trace names.
type fakeAccounts struct {
	*auth.Auth
	required bool
	// next is whom the next connection is.
	next atomic.Pointer[room.Identity]
	// asked gets what is known of a token that the room asks about.
	asked chan *room.Verdict
}

func (f *fakeAccounts) Required() bool { return f.required }

func (f *fakeAccounts) Identify(_ context.Context, _ string, c auth.Credentials) (*room.Identity, *auth.Refusal) {
	if c.Token != replayedToken {
		return nil, &auth.Refusal{Code: protocol.CodeInvalidToken}
	}
	return f.next.Load(), nil
}

func (f *fakeAccounts) verify(ctx context.Context, _, _ string) (*room.Identity, protocol.Code, string) {
	select {
	case v := <-f.asked:
		return v.Identity, v.Refusal, v.Details
	case <-ctx.Done():
		return nil, protocol.CodeAuthUnavailable, ""
	}
}

// operate does what an operator wants.
func (p *replay) operate(step *roomtest.Step) {
	if got := p.edge().known.Operate(context.Background(), p.trace.RoomID, *step.Act); got != step.Refusal {
		p.t.Fatalf("%s: %q instead of %q", p.at, got, step.Refusal)
	}
}

func (f *fakeAccounts) readInvite(_, _ string) (*room.Identity, protocol.Code, string) {
	v := <-f.asked
	return v.Identity, v.Refusal, v.Details
}

// arrange creates the room ahead of its people.
func (p *replay) arrange(step *roomtest.Step) {
	p.draw(step.Secret)
	made, refusal := p.edge().known.Create(context.Background(), p.trace.RoomID, *step.Arrangement)
	if refusal != step.Refusal {
		p.t.Fatalf("%s: %q instead of %q", p.at, refusal, step.Refusal)
	}
	if step.Creation != nil && made != *step.Creation {
		p.t.Fatalf("%s: %+v instead of %+v", p.at, made, *step.Creation)
	}
}
