package server

import (
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

// These tests replay the observed behaviour of the legacy client over real sockets.

func TestJoinFromALinkMakesTheRoomOnTheSameSocket(t *testing.T) {
	s := serve(t, nil)
	ann := s.open("from-a-link", "ann")
	ann.say("JOIN_ROOM", `"userName":"Ann"`)
	if reply := ann.expect("ERROR"); reply.Error != "Room not found" {
		t.Fatal(reply.raw)
	}
	if created := ann.create(); created.RoomState.HostID != "ann" {
		t.Fatal(created.raw)
	}
	// Two people may do so at once: the second becomes an ordinary member.
	bob := s.open("from-a-link", "bob")
	if created := bob.create(); created.RoomState.HostID != "ann" || len(created.RoomState.Users) != 2 {
		t.Fatal(created.raw)
	}
	ann.expect("USER_JOINED")
}

func TestReconnectThatLeavesTheOldSocketOpen(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("heartbeat-1")
	newer := s.open("heartbeat-1", "bob")
	// The others close their peer connections before the one that has closed its own is back.
	newer.say("JOIN_ROOM", `"userName":"bob"`)
	if left := ann.expect("USER_LEFT"); left.LeftUserID != "bob" || left.NewHostID != "" || len(left.RoomState.Users) != 2 {
		t.Fatal(left.raw)
	}
	if joined := newer.expect("ROOM_JOINED"); joined.Resumed || joined.ResumeToken != "" || len(joined.RoomState.Users) != 2 {
		t.Fatal(joined.raw)
	}
	if again := ann.expect("USER_JOINED"); again.JoinedUser.ID != "bob" {
		t.Fatal(again.raw)
	}
	// The older socket is parked: it receives nothing but PONG.
	bob.offer("ann", "from the parked one")
	bob.say("LEAVE_ROOM")
	bob.send("nonsense")
	bob.quiet()
	ann.quiet()
	ann.offer("bob", "for the newest")
	newer.expect("WEBRTC_OFFER")
	newer.quiet()
	// It is closed with 1000 when the newer one is gone.
	newer.drop()
	bob.closed(protocol.CloseNormal)
	if gone := ann.expect("USER_LEFT"); gone.LeftUserID != "bob" {
		t.Fatal(gone.raw)
	}
	last := s.open("heartbeat-1", "bob")
	last.join()
	ann.expect("USER_JOINED")
}

func TestOldSocketThatDiesFirstChangesNothing(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("heartbeat-2")
	newer := s.open("heartbeat-2", "bob")
	newer.join()
	ann.expect("USER_LEFT")
	ann.expect("USER_JOINED")
	bob.drop()
	servertest.Eventually(t, "the older socket is gone", func() bool { return s.metrics.Connections.Load() == 2 })
	ann.quiet()
	newer.quiet()
	// The legacy client now opens yet another socket, although its newest is healthy.
	third := s.open("heartbeat-2", "bob")
	third.join()
	ann.expect("USER_LEFT")
	ann.expect("USER_JOINED")
	third.leave()
	newer.closed(protocol.CloseNormal)
	if left := ann.expect("USER_LEFT"); left.LeftUserID != "bob" {
		t.Fatal(left.raw)
	}
}

func TestLeaveButton(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("leave-button")
	ann.say("LEAVE_ROOM")
	ann.say("LEAVE_ROOM")
	ann.closed(protocol.CloseNormal)
	if left := bob.expect("USER_LEFT"); left.LeftUserID != "ann" || left.NewHostID != "bob" || left.RoomState.HostID != "bob" {
		t.Fatal(left.raw)
	}
	bob.say("LEAVE_ROOM")
	bob.closed(protocol.CloseNormal)
	response, body := s.ask("GET", "/rooms/leave-button")
	servertest.WantError(t, response, body, protocol.CodeRoomNotFound)
	stranger := s.open("leave-button", "eve")
	stranger.say("LEAVE_ROOM")
	stranger.closed(protocol.CloseNormal)
}

func TestQueuedMessagesBeforeTheJoinDoNotFailIt(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("queued-up-1")
	bob.drop()
	ann.expect("USER_LEFT")
	again := s.open("queued-up-1", "bob")
	again.offer("ann", "queued")
	again.say("RENAME_USER", `"newUserName":"Bobby"`)
	again.say("JOIN_ROOM", `"userName":"bob"`)
	again.expect("UNDELIVERED")
	again.expect("UNDELIVERED")
	again.expect("ROOM_JOINED")
}

func TestSomebodyElsesAddressDoesNotTakeASeat(t *testing.T) {
	s := serve(t, behindProxy)
	ann := s.open("seats-1", "ann", "X-Forwarded-For: 192.0.2.1")
	token := ann.create().ResumeToken
	eve := s.open("seats-1", "ann", "X-Forwarded-For: 192.0.2.2")
	eve.say("JOIN_ROOM", `"userName":"ann"`)
	eve.refused(protocol.CodeSeatHeld)
	eve.closed(protocol.CloseTryLater)
	eve = s.open("seats-1", "ann", "X-Forwarded-For: 192.0.2.2")
	eve.say("JOIN_ROOM", `"userName":"ann"`, `"protocol":1`)
	eve.refused(protocol.CodeUserIDTaken)
	eve.closed(protocol.CloseUserIDTaken)
	ann.drop()
	servertest.Eventually(t, "the sockets are gone", func() bool { return s.metrics.Connections.Load() == 0 })
	eve = s.open("seats-1", "ann", "X-Forwarded-For: 192.0.2.2")
	eve.say("JOIN_ROOM", `"userName":"ann"`)
	eve.refused(protocol.CodeSeatHeld)
	eve.say("JOIN_ROOM", `"userName":"ann"`, `"resumeToken":"AAAAAAAAAAAAAAAAAAAAAA"`)
	eve.refused(protocol.CodeInvalidResumeToken)
	moved := s.open("seats-1", "ann", "X-Forwarded-For: 192.0.2.3")
	if back := moved.resume(token); !back.Resumed || !back.Recovered || back.RoomState.HostID != "ann" {
		t.Fatal(back.raw)
	}
	older := moved
	newer := s.open("seats-1", "ann", "X-Forwarded-For: 192.0.2.4")
	newer.resume(token)
	older.closed(protocol.CloseResumed)
}
