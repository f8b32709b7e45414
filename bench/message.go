package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// stamp travels in what a message carries, which no server looks at.
type stamp struct {
	// Number counts the messages from one person to another.
	Number int `json:"number"`
	// SentUs is when it was sent, in µs since the run began.
	SentUs int64 `json:"sentUs"`
}

// message is what people read of what they receive.
type message struct {
	Type         string `json:"type"`
	Code         string `json:"code"`
	Error        string `json:"error"`
	Details      string `json:"details"`
	UserID       string `json:"userId"`
	TargetUserID string `json:"targetUserId"`
	LeftUserID   string `json:"leftUserId"`
	JoinedUser   struct {
		ID string `json:"id"`
	} `json:"joinedUser"`
	Offer     *carried `json:"offer"`
	Answer    *carried `json:"answer"`
	Candidate *carried `json:"candidate"`
}

type carried struct {
	Bench stamp `json:"bench"`
}

// relayed returns the kind and the stamp of a message between two people, nil for all others.
func (m *message) relayed() (Kind, *carried) {
	switch m.Type {
	case "WEBRTC_OFFER":
		return Offer, m.Offer
	case "WEBRTC_ANSWER":
		return Answer, m.Answer
	case "WEBRTC_ICE_CANDIDATE":
		return Candidate, m.Candidate
	}
	return 0, nil
}

func decode(text []byte) (m message, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}

// encode writes a message between two people, as large as that of a browser with a data channel and
// audio.
func encode(k Kind, room, from, to string, s stamp) []byte {
	var name, field, content string
	switch k {
	case Offer:
		name, field, content = "WEBRTC_OFFER", "offer", `"type":"offer","sdp":`+description
	case Answer:
		name, field, content = "WEBRTC_ANSWER", "answer", `"type":"answer","sdp":`+description
	default:
		name, field, content = "WEBRTC_ICE_CANDIDATE", "candidate",
			`"candidate":"candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag Xp4T network-cost 999","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"Xp4T"`
	}
	return fmt.Appendf(nil, `{"type":%q,"roomId":%q,"userId":%q,"targetUserId":%q,"timestamp":%d,%q:{%s,"bench":{"number":%d,"sentUs":%d}}}`,
		name, room, from, to, time.Now().UnixMilli(), field, content, s.Number, s.SentUs)
}

// description is an SDP of 1.1 KB as it stands in JSON.
var description = `"` + strings.ReplaceAll(`v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 13 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:Xp4T
a=ice-pwd:7kHb1vJw2mQeR8sYtZ3uLcGd
a=ice-options:trickle
a=fingerprint:sha-256 5B:1E:93:0C:7A:D4:2F:88:61:BE:47:19:F0:C5:3D:A2:9B:76:E8:04:5C:DF:31:8A:67:B2:0D:F9:4E:A3:18:C6
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:126 telephone-event/8000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:Xp4T
a=ice-pwd:7kHb1vJw2mQeR8sYtZ3uLcGd
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
`, "\n", `\r\n`) + `"`
