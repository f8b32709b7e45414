package protocol

import (
	"strings"
	"testing"
)

const head = `"roomId":"room-1","userId":"ann",`

// refused is a frame that Decode refuses, and how.
type refused struct {
	frame   string
	code    Code
	details string
}

func (r refused) check(t *testing.T) {
	t.Helper()
	_, err := Decode([]byte(r.frame))
	if fault, _ := err.(*DecodeError); fault == nil || fault.Code != r.code || fault.Details != r.details {
		t.Errorf("%.100s: %v, want %s %s", r.frame, err, r.code, r.details)
	}
}

func TestDecodeRefusesWhatIsNoMessage(t *testing.T) {
	for _, test := range []refused{
		{``, CodeInvalidJSON, ""},
		{`hello`, CodeInvalidJSON, ""},
		{`[]`, CodeInvalidJSON, ""},
		{`"PING"`, CodeInvalidJSON, ""},
		{`{"type":"PING"`, CodeInvalidJSON, ""},
		{`{"type":"PING"}{}`, CodeInvalidJSON, ""},
		{`{"type":"PING","type":"PING"}`, CodeInvalidJSON, ""},
		{`{"type":"PING","a":{"b":1,"\u0062":2}}`, CodeInvalidJSON, ""},
		{`{"type":"PING","a":"\ud8"}`, CodeInvalidJSON, ""},
		{`{"type":"PING","\ud800":1,"\ud800":2}`, CodeInvalidJSON, ""},
		{strings.Repeat("[", 20_000), CodeInvalidJSON, ""},
		{`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, CodeInvalidJSON, ""},
		{"{\"type\":\"\xff\"}", CodeInvalidUTF8, ""},
		{"\xff", CodeInvalidUTF8, ""},
		{"{\"type\":\"PING\",\"a\":\"\xed\xa0\x80\"}", CodeInvalidUTF8, ""},
		{"{\"type\":\"PING\",\"a\":\"\\ud800\xff\"}", CodeInvalidUTF8, ""},
		{`{"type":"PING\ud800"}`, CodeUnknownType, ""},
		{`{}`, CodeUnknownType, ""},
		{`{"type":null}`, CodeUnknownType, ""},
		{`{"type":"ping"}`, CodeUnknownType, ""},
		{`{"type":"ROOM_JOINED"}`, CodeUnknownType, ""},
	} {
		test.check(t)
	}
}

func TestDecodeRefusesMalformedFields(t *testing.T) {
	for _, test := range []refused{
		{`{"type":"LEAVE_ROOM","userId":"ann"}`, CodeInvalidRoomID, "roomId is missing"},
		{`{"type":"LEAVE_ROOM","roomId":"short","userId":"ann"}`, CodeInvalidRoomID, "roomId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room.1","userId":"ann"}`, CodeInvalidRoomID, "roomId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":7,"userId":"ann"}`, CodeInvalidRoomID, "roomId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room-1"}`, CodeInvalidUserID, "userId is missing"},
		{`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"` + strings.Repeat("x", 65) + `"}`, CodeInvalidUserID, "userId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"a b"}`, CodeInvalidUserID, "userId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"ann","timestamp":"now"}`, CodeInvalidMessage, "timestamp is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"x":1}`, CodeInvalidMessage, "userName is missing"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":[]}`, CodeInvalidMessage, "userName is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","protocol":"1"}`, CodeInvalidMessage, "protocol is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","protocol":1.5}`, CodeInvalidMessage, "protocol is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","protocol":-1}`, CodeInvalidMessage, "protocol is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","resumeToken":1}`, CodeInvalidMessage, "resumeToken is malformed"},
		{`{"type":"WEBRTC_OFFER",` + head + `"offer":{}}`, CodeInvalidMessage, "targetUserId is missing"},
		{`{"type":"WEBRTC_OFFER",` + head + `"targetUserId":"","offer":{}}`, CodeInvalidMessage, "targetUserId is malformed"},
		{`{"type":"WEBRTC_OFFER",` + head + `"targetUserId":"bob","answer":{}}`, CodeInvalidMessage, "offer is missing"},
		{`{"type":"WEBRTC_OFFER",` + head + `"targetUserId":"bob","offer":"v=0"}`, CodeInvalidMessage, "offer is malformed"},
		{`{"type":"WEBRTC_ICE_CANDIDATE",` + head + `"targetUserId":"bob","candidate":null}`, CodeInvalidMessage, "candidate is malformed"},
		{`{"type":"HOST_STATE_UPDATE","userId":"ann","state":"PLAY","time":1}`, CodeInvalidMessage, "state is malformed"},
		{`{"type":"HOST_STATE_UPDATE","userId":"ann","state":"PLAYING","time":1e999}`, CodeInvalidMessage, "time is malformed"},
		{`{"type":"HOST_STATE_UPDATE","userId":"ann","state":"PLAYING","time":"1"}`, CodeInvalidMessage, "time is malformed"},
		{`{"type":"UNIFIED_SYNC","userId":"ann","action":"PLAYING","time":1,"videoUrl":""}`, CodeInvalidMessage, "action is malformed"},
		{`{"type":"UNIFIED_SYNC","userId":"ann","action":"PLAY","time":1}`, CodeInvalidMessage, "videoUrl is missing"},
		{`{"type":"CONTROL_MODE_CHANGE","userId":"ann","mode":"ANARCHY"}`, CodeInvalidMessage, "mode is malformed"},
		{`{"type":"HOST_NAVIGATE","userId":"ann","url":"` + strings.Repeat("x", MaxURLBytes+1) + `"}`, CodeInvalidMessage, "url is malformed"},
		{`{"type":"HOST_NAVIGATE","userId":"ann","url":"https://x/\u0000"}`, CodeInvalidMessage, "url is malformed"},
		{`{"type":"HOST_NAVIGATE","userId":"ann","url":"\n"}`, CodeInvalidMessage, "url is malformed"},
		{`{"type":"HOST_NAVIGATE","userId":"ann","url":"\ud800"}`, CodeInvalidMessage, "url is malformed"},
		{`{"type":"UNIFIED_SYNC","userId":"ann","action":"PLAY","time":1,"videoUrl":"a` + "\u007f" + `"}`, CodeInvalidMessage, "videoUrl is malformed"},
		{`{"type":"UNIFIED_SYNC","userId":"ann","action":"PLAY","time":1,"videoUrl":"a\u0085"}`, CodeInvalidMessage, "videoUrl is malformed"},
		{`{"type":"HOST_STATE_UPDATE","userId":"ann","state":"PLAYING","time":1,"hostVideoUrl":"a` + "\u2028" + `"}`, CodeInvalidMessage, "hostVideoUrl is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room-\ud800","userId":"ann"}`, CodeInvalidRoomID, "roomId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"\udfff"}`, CodeInvalidUserID, "userId is malformed"},
		{`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"ann","ref":"\ud800"}`, CodeInvalidMessage, "ref is malformed"},
		{`{"type":"JOIN_ROOM","roomId":"room-1","userId":"system","userName":"A"}`, CodeInvalidUserID, "userId is reserved"},
		{`{"type":"CREATE_ROOM","roomId":"room-1","userId":"_Usher:","userName":"A"}`, CodeInvalidUserID, "userId is reserved"},
		{`{"type":"SET_ROLE",` + head + `"targetUserId":"bob"}`, CodeInvalidMessage, "role is missing"},
		{`{"type":"SET_ROLE",` + head + `"targetUserId":"bob","role":"HOST"}`, CodeInvalidMessage, "role is malformed"},
		{`{"type":"SET_ROLE",` + head + `"targetUserId":"bob","role":"guest"}`, CodeInvalidMessage, "role is malformed"},
		{`{"type":"SET_ROLE",` + head + `"targetUserId":"bob","role":1}`, CodeInvalidMessage, "role is malformed"},
		{`{"type":"KICK_USER",` + head + `"ban":true}`, CodeInvalidMessage, "targetUserId is missing"},
		{`{"type":"KICK_USER",` + head + `"targetUserId":"bob","ban":1}`, CodeInvalidMessage, "ban is malformed"},
		{`{"type":"KICK_USER",` + head + `"targetUserId":"bob","ban":null}`, CodeInvalidMessage, "ban is malformed"},
		{`{"type":"KICK_USER",` + head + `"targetUserId":"bob","reason":[]}`, CodeInvalidMessage, "reason is malformed"},
		{`{"type":"RENEW_AUTH",` + head + `"x":1}`, CodeInvalidMessage, "token is missing"},
		{`{"type":"RENEW_AUTH",` + head + `"token":""}`, CodeInvalidMessage, "token is malformed"},
		{`{"type":"RENEW_AUTH",` + head + `"token":7}`, CodeInvalidMessage, "token is malformed"},
		{`{"type":"RENEW_AUTH",` + head + `"token":"` + strings.Repeat("x", MaxAuthTokenBytes+1) + `"}`, CodeInvalidMessage, "token is malformed"},
		{`{"type":"CLIENT_REQUEST_SEEK","userId":"ann"}`, CodeInvalidMessage, "time is missing"},
		{`{"type":"DIRECT_PLAY","userId":"ann","targetUserId":5}`, CodeInvalidMessage, "targetUserId is malformed"},
	} {
		test.check(t)
	}
}

func TestDecodeRefusesMalformedDoors(t *testing.T) {
	for _, test := range []refused{
		{`{"type":"SET_DOOR",` + head + `"entry":"AJAR"}`, CodeInvalidMessage, "entry is malformed"},
		{`{"type":"SET_DOOR",` + head + `"entry":null}`, CodeInvalidMessage, "entry is malformed"},
		{`{"type":"SET_DOOR",` + head + `"passcode":"abc"}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"SET_DOOR",` + head + `"passcode":"abc\u0000"}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"SET_DOOR",` + head + `"passcode":"abc\ud800"}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"SET_DOOR",` + head + `"passcode":1234}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"SET_DOOR",` + head + `"passcode":"` + strings.Repeat("x", MaxPasscodeLength+1) + `"}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"SET_DOOR",` + head + `"maxPeople":0}`, CodeInvalidMessage, "maxPeople is malformed"},
		{`{"type":"SET_DOOR",` + head + `"maxPeople":251}`, CodeInvalidMessage, "maxPeople is malformed"},
		{`{"type":"SET_DOOR",` + head + `"listed":"yes"}`, CodeInvalidMessage, "listed is malformed"},
		{`{"type":"CREATE_ROOM",` + head + `"userName":"A","door":[]}`, CodeInvalidMessage, "door is malformed"},
		{`{"type":"CREATE_ROOM",` + head + `"userName":"A","door":{"entry":1}}`, CodeInvalidMessage, "door is malformed"},
		{`{"type":"CREATE_ROOM",` + head + `"userName":"A","door":{"passcode":"abc"}}`, CodeInvalidMessage, "door is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","invite":""}`, CodeInvalidMessage, "invite is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","invite":7}`, CodeInvalidMessage, "invite is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","invite":"` + strings.Repeat("x", MaxAuthTokenBytes+1) + `"}`, CodeInvalidMessage, "invite is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","passcode":null}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","passcode":"abc"}`, CodeInvalidMessage, "passcode is malformed"},
		{`{"type":"JOIN_ROOM",` + head + `"userName":"A","knockToken":1}`, CodeInvalidMessage, "knockToken is malformed"},
		{`{"type":"ADMIT",` + head + `"x":1}`, CodeInvalidMessage, "targetUserId is missing"},
		{`{"type":"DENY",` + head + `"targetUserId":"a b"}`, CodeInvalidMessage, "targetUserId is malformed"},
	} {
		test.check(t)
	}
}

// The ERROR for a request says its ref, whatever is wrong with the rest of it.
func TestDecodeKeepsTheRefOfARequest(t *testing.T) {
	longest := strings.Repeat("x", MaxRefBytes)
	for _, test := range []struct {
		frame, ref string
		code       Code
	}{
		{`{"type":"CREATE_ROOM","ref":"a",` + head + `"userName":"A"}`, "a", ""},
		{`{"type":"JOIN_ROOM","ref":"` + longest + `",` + head + `"userName":"A"}`, longest, ""},
		{`{"type":"LEAVE_ROOM","ref":"A_z-0",` + head + `"x":1}`, "A_z-0", ""},
		{`{"type":"RENAME_USER","ref":"\u0061",` + head + `"newUserName":"A"}`, "a", ""},
		{`{"type":"RENAME_ROOM",` + head + `"newRoomName":"A"}`, "", ""},
		{`{"type":"JOIN_ROOM",` + head + `"userName":5,"ref":"a"}`, "a", CodeInvalidMessage},
		{`{"ref":"a","type":"JOIN_ROOM","userName":"A"}`, "a", CodeInvalidRoomID},
		{`{"ref":"a","type":"TRANSFER_HOST","roomId":"room-1","targetUserId":"bob"}`, "a", CodeInvalidUserID},
		{`{"type":"LEAVE_ROOM",` + head + `"ref":""}`, "", CodeInvalidMessage},
		{`{"type":"LEAVE_ROOM",` + head + `"ref":"` + longest + `x"}`, "", CodeInvalidMessage},
		{`{"type":"LEAVE_ROOM",` + head + `"ref":"a b"}`, "", CodeInvalidMessage},
		{`{"type":"LEAVE_ROOM",` + head + `"ref":"é"}`, "", CodeInvalidMessage},
		{`{"type":"LEAVE_ROOM",` + head + `"ref":1}`, "", CodeInvalidMessage},
		{`{"type":"LEAVE_ROOM",` + head + `"ref":null}`, "", CodeInvalidMessage},
		{`{"type":"WEBRTC_OFFER",` + head + `"targetUserId":"bob","offer":{},"ref":"a"}`, "", ""},
		{`{"type":"CONTROL_MODE_CHANGE","userId":"ann","mode":"HOST_ONLY","ref":[]}`, "", ""},
		{`{"type":"HOST_NAVIGATE","userId":"ann","url":"","ref":null}`, "", ""},
		{`{"type":"PING","ref":" "}`, "", ""},
		{`{"type":"UNHEARD_OF","ref":"a"}`, "", CodeUnknownType},
	} {
		m, err := Decode([]byte(test.frame))
		fault, _ := err.(*DecodeError)
		if string(m.Ref) != test.ref || (m.Ref == nil) != (test.ref == "") || (fault == nil) != (test.code == "") || fault != nil && fault.Code != test.code {
			t.Errorf("%s: ref %q, %v; want %q, %s", test.frame, m.Ref, err, test.ref, test.code)
		}
		if (m.Type == 0) != (test.code == CodeUnknownType) {
			t.Errorf("%s: the type is %q", test.frame, m.Type)
		}
	}
}

// Fields that a type does not have may be anything: they are the peers' affair.
func TestDecodeAllowsUnknownFields(t *testing.T) {
	for _, frame := range []string{
		`{"type":"PING","timestamp":"x","roomId":5}`,
		`{"type":"JOIN_ROOM",` + head + `"userName":"A","roomName":5}`,
		`{"type":"WEBRTC_OFFER",` + head + `"targetUserId":"bob","offer":{},"mode":1,"url":[],"x":{"y":[null]}}`,
		`{"type":"PING","a":"\ud800","\udfff":["\ude00\ud83d",{"\uD800":1}]}`,
		`{"type":"WEBRTC_OFFER",` + head + `"targetUserId":"bob","offer":{"sdp":"\ud800"}}`,
		`{"type":"LEAVE_ROOM",` + head + `"userName":"\ud800"}`,
		`{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"ann","targetUserId":"system","offer":{}}`,
		`{"type":"TRANSFER_HOST","roomId":"room-1","userId":"server","targetUserId":"usher"}`,
		` { "type" : "LEAVE_ROOM" , "roomId" : "room-1" , "userId" : "\u0061nn" } `,
	} {
		if m, err := Decode([]byte(frame)); err != nil {
			t.Errorf("%s: %v", frame, err)
		} else if m.Type == LeaveRoom && string(m.UserID) != "ann" {
			t.Errorf("userId is %q", m.UserID)
		}
	}
}
