package server

import (
	"testing"

	"usher/protocol"
	"usher/server/edge"
)

// An invite may come in JOIN_ROOM instead of the socket's address, and its owner returns with it.
func TestAnInviteComesInTheJoin(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	created := o.createRoom(`{"roomId":"auth-1","invites":[{"role":"HOST","once":true}]}`)
	invite := `"protocol":1,"invite":"` + created.Invites[0].Invite + `"`
	ann := o.openAt("/ws?roomId=auth-1", "auth-1", "ann")
	ann.say("JOIN_ROOM", `"userName":"Ann",`+invite)
	token := ann.expect("ROOM_JOINED").ResumeToken
	bob := o.openAt("/ws?roomId=auth-1", "auth-1", "bob")
	bob.say("JOIN_ROOM", `"userName":"Bob",`+invite)
	bob.refused(protocol.CodeInviteUsed)
	cem := o.openAt("/ws?roomId=auth-1", "auth-1", "cem")
	cem.say("JOIN_ROOM", `"userName":"Cem","protocol":1,"invite":"a.b.c"`)
	cem.refused(protocol.CodeInvalidInvite)
	again := o.openAt("/ws?roomId=auth-1", "auth-1", "ann")
	again.say("JOIN_ROOM", `"userName":"Ann","resumeToken":"`+token+`",`+invite)
	again.expect("ROOM_JOINED")
}

// An invite lets nobody past what an address may join. Whoever has a seat returns with it.
func TestAnInviteDoesNotPassTheLimitOfJoins(t *testing.T) {
	t.Parallel()
	var o *operator
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		o = withAccounts(t, s.Config)
		s.AddressJoins = edge.Rate{PerSecond: 1, Burst: 2}
		s.runningMs = func() int64 { return 0 }
	})
	o.running = s
	created := o.createRoom(`{"roomId":"auth-1","invites":[{"role":"HOST"}]}`)
	invite := `"protocol":1,"invite":"` + created.Invites[0].Invite + `"`
	var token string
	for _, name := range []string{"ann", "bob"} {
		c := o.openAt("/ws?roomId=auth-1", "auth-1", name)
		c.say("JOIN_ROOM", `"userName":"A",`+invite)
		token = c.expect("ROOM_JOINED").ResumeToken
	}
	for _, path := range []string{"/ws?roomId=auth-1", "/ws?roomId=auth-1&invite=" + created.Invites[0].Invite} {
		cem := o.openAt(path, "auth-1", "cem")
		cem.say("JOIN_ROOM", `"userName":"Cem",`+invite)
		cem.refused(protocol.CodeRateLimited)
		cem.closed(protocol.CloseRateLimited)
	}
	again := o.openAt("/ws?roomId=auth-1", "auth-1", "bob")
	again.say("JOIN_ROOM", `"userName":"Bob","resumeToken":"`+token+`",`+invite)
	again.expect("ROOM_JOINED")
}
