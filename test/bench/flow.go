package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// A flow is the offers from one seat to another: numbered, kept within a window, and each compared
// byte by byte with what was sent.
type flow struct {
	loop     *loop
	from, to *conn
	// offer is the message, and sequence where its number is: the 13 digits of the timestamp.
	offer    []byte
	sequence []byte
	// window bounds the offers in flight.
	window        int
	sent, arrived int
	goal          int
	// sentAt, where set, keeps the send times of those in flight and latencies what came of them.
	sentAt    []time.Time
	latencies []time.Duration
}

// firstSequence makes numbers that look like timestamps of 2023.
const firstSequence = 1_700_000_000_000

// newFlow takes over the messages of both seats' sockets.
func newFlow(from, to *seat, window int) *flow {
	f := &flow{loop: from.room.crew.loop, from: from.conn, to: to.conn, window: window}
	f.offer = offerMessage(from.room.id, from.userID(), to.userID())
	at := bytes.Index(f.offer, []byte(`"timestamp":`)) + len(`"timestamp":`)
	f.sequence = f.offer[at : at+13]
	f.from.handler, f.to.handler = (*flowSender)(f), f
	return f
}

// offerMessage is what the extension sends, with the SDP that Chromium writes
// for one data channel and one audio track: 1.2 KB with its escapes.
func offerMessage(room, user, target string) []byte {
	sdp := strings.ReplaceAll(offerSDP, "\n", `\r\n`)
	return fmt.Appendf(nil, `{"type":"WEBRTC_OFFER","roomId":%q,"userId":%q,"targetUserId":%q,"timestamp":%d,"offer":{"type":"offer","sdp":"%s"}}`,
		room, user, target, firstSequence, sdp)
}

const offerSDP = `v=0
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
a=ice-options:trickle
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
`

// number writes n into the offer in place.
func (f *flow) number(n int) {
	v := firstSequence + n
	for i := len(f.sequence) - 1; i >= 0; i-- {
		f.sequence[i] = byte('0' + v%10)
		v /= 10
	}
}

// begin sends the first window of count more offers.
func (f *flow) begin(count int) {
	f.goal += count
	f.fill()
}

func (f *flow) fill() {
	for f.sent < f.goal && f.sent-f.arrived < f.window {
		f.sendOne()
	}
}

func (f *flow) sendOne() {
	f.number(f.sent)
	if f.sentAt != nil {
		f.sentAt[f.sent%len(f.sentAt)] = time.Now()
	}
	f.sent++
	f.from.send(opText, f.offer)
}

// text checks one arrival at the receiver: the next number and not a byte changed.
func (f *flow) text(_ *conn, message []byte) {
	if name := messageType(message); name != "WEBRTC_OFFER" {
		f.news(name, message)
		return
	}
	f.number(f.arrived)
	if !bytes.Equal(message, f.offer) {
		f.loop.fail(fmt.Errorf("offer %d arrived lost, changed or out of order: %.400s", f.arrived, message))
		return
	}
	if f.arrived >= f.sent {
		f.loop.fail(fmt.Errorf("offer %d arrived before it was sent", f.arrived))
	}
	if f.sentAt != nil {
		f.latencies = append(f.latencies, time.Since(f.sentAt[f.arrived%len(f.sentAt)]))
	}
	f.arrived++
	f.fill()
}

// news is what else a seat receives: that others came is expected, a refusal is not.
func (f *flow) news(name string, message []byte) {
	switch name {
	case "USER_JOINED", "PONG":
	default:
		f.loop.fail(fmt.Errorf("unexpected in a flow: %.300s", message))
	}
}

func (f *flow) opened(*conn) {}

func (f *flow) closed(_ *conn, code int) {
	if f.loop.ctx.Err() == nil {
		f.loop.fail(fmt.Errorf("a socket of a flow was closed with %d", code))
	}
}

// flowSender receives what comes to the sending seat, which should be nothing that matters.
type flowSender flow

func (f *flowSender) opened(c *conn)           {}
func (f *flowSender) closed(c *conn, code int) { (*flow)(f).closed(c, code) }
func (f *flowSender) text(_ *conn, message []byte) {
	(*flow)(f).news(messageType(message), message)
}
