package server

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

func TestTwoPeopleMeet(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.open("film-night", "ann"), s.open("film-night", "bob")
	created := ann.create(`"roomName":"Film night"`)
	if created.RoomState.Name != "Film night" || created.RoomState.HostID != "ann" || created.ResumeToken == "" {
		t.Fatal(created.raw)
	}
	if joined := bob.join(); len(joined.RoomState.Users) != 2 || joined.RoomState.HostID != "ann" || joined.Resumed || joined.Recovered {
		t.Fatal(joined.raw)
	}
	if joined := ann.expect("USER_JOINED"); joined.JoinedUser.ID != "bob" || len(joined.RoomState.Users) != 2 {
		t.Fatal(joined.raw)
	}
	for _, message := range []struct {
		from, to *client
		kind     string
		payload  string
	}{
		{ann, bob, "WEBRTC_OFFER", `"offer":{"type":"offer","sdp":"v=0\r\no=- 1"}`},
		{bob, ann, "WEBRTC_ANSWER", `"answer":{"type":"answer","sdp":"v=0\r\no=- 2"}`},
		{ann, bob, "WEBRTC_ICE_CANDIDATE", `"candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0"}`},
		{bob, ann, "WEBRTC_ICE_CANDIDATE", `"candidate":{"candidate":""}`},
	} {
		message.from.say(message.kind, `"targetUserId":"`+message.to.user+`"`, message.payload)
		if got := message.to.expect(message.kind); !strings.Contains(got.raw, message.payload) {
			t.Errorf("%s arrives as %s", message.kind, got.raw)
		}
	}
	ann.quiet()
	bob.quiet()
}

func TestRelayedFrameArrivesByteForByte(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("byte-for-byte")
	for _, odd := range []string{
		"\n{ \"type\" :\t\"WEBRTC_OFFER\" , \"x\":{\"y\":[1e2,null,\"\\u00e9\"]}, \"roomId\":\"byte-for-byte\",\r\n \"targetUserId\":\"b\\u006fb\",\"userId\":\"ann\"," +
			"\"timestamp\":1.50, \"offer\":{\"sdp\":\"v=0\\r\\n\\\"\\/é\\ud83d\\ude00😀\",\"type\":\"offer\",\"new\":true} } ",
		`{"type":"WEBRTC_ICE_CANDIDATE","userId":"ann","roomId":"byte-for-byte","targetUserId":"bob","timestamp":0,"candidate":{},"big":"` + strings.Repeat("ü", 30_000) + `"}`,
	} {
		ann.send(odd)
		got, err := bob.read()
		if err != nil || got != odd {
			t.Errorf("%.200q arrives as %.200q, %v", odd, got, err)
		}
	}
}

func TestFramesFromOneSenderArriveInOrderAndNoneIsLost(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("in-order-1000")
	const frames = 1000
	go func() {
		for i := range frames {
			if ann.tryOffer("bob", fmt.Sprint("number ", i, strings.Repeat(" x", i))) != nil {
				return
			}
		}
	}()
	for i := range frames {
		if got := bob.expect("WEBRTC_OFFER"); !strings.Contains(got.raw, fmt.Sprint("number ", i, strings.Repeat(" x", i), `"`)) {
			t.Fatalf("frame %d is %.200s", i, got.raw)
		}
	}
	bob.quiet()
}

func TestJoinReplyPrecedesAnyRelayedOffer(t *testing.T) {
	s := serve(t, nil)
	ann := s.open("answer-first", "ann")
	ann.create(`"protocol":1`)
	for i := range 20 {
		bob := s.open("answer-first", fmt.Sprint("bob-", i))
		var seated atomic.Bool
		done := make(chan bool)
		go func() { // offers to somebody who may or may not be there yet
			defer close(done)
			for !seated.Load() {
				_ = ann.tryOffer(bob.user, "early")
				if reply, err := ann.read(); err != nil || !strings.Contains(reply, `"UNDELIVERED"`) {
					return
				}
			}
		}()
		bob.join(`"protocol":1`)
		seated.Store(true)
		<-done
		bob.leave()
		for left := false; !left; {
			reply, err := ann.read()
			if err != nil {
				t.Fatal(err)
			}
			left = strings.Contains(reply, `"USER_LEFT"`)
		}
	}
}

func TestWhatCannotBeRelayedBounces(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("bounces-1")
	for _, test := range []struct {
		who   *client
		frame string
		code  string
	}{
		{ann, `{"type":"WEBRTC_OFFER","roomId":"bounces-1","userId":"ann","targetUserId":"nobody","timestamp":1,"offer":{}}`, "TARGET_NOT_FOUND"},
		{bob, `{"type":"WEBRTC_OFFER","roomId":"bounces-1","userId":"ann","targetUserId":"ann","timestamp":1,"offer":{}}`, "WRONG_USER"},
		{bob, `{"type":"WEBRTC_OFFER","roomId":"bounces-2","userId":"bob","targetUserId":"ann","timestamp":1,"offer":{}}`, "ROOM_MISMATCH"},
		{s.open("bounces-1", "eve"), `{"type":"WEBRTC_OFFER","roomId":"bounces-1","userId":"bob","targetUserId":"ann","timestamp":1,"offer":{}}`, "NOT_SEATED"},
		{s.open("bounces-1", "eve"), `{"type":"RENAME_ROOM","roomId":"bounces-1","userId":"ann","newRoomName":"mine","timestamp":1}`, "NOT_SEATED"},
	} {
		test.who.send(test.frame)
		if got := test.who.expect("UNDELIVERED"); got.Code != test.code {
			t.Errorf("%s gets %s", test.frame, got.raw)
		}
	}
	ann.quiet()
	bob.quiet()
}
