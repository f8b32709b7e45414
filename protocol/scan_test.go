package protocol

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// offer is like what Chromium's data-channel offer looks like: 1.2 kB, full of escapes.
var offer = []byte(`{"type":"WEBRTC_OFFER","roomId":"room-4f9a2c","userId":"user-1764000000000-a1b2c3d4e","targetUserId":"user-1764000000001-z9y8x7w6v","timestamp":1764000000123,"offer":{"type":"offer","sdp":"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlMA\r\na=ice-options:trickle\r\na=fingerprint:sha-256 75:74:5A:A6:A4:E5:52:F4:A7:67:4C:01:C7:EE:91:3F:21:3D:A2:E3:53:7B:6F:30:86:F2:30:AA:65:FB:04:24\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\na=candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ host generation 0 network-id 1\r\na=candidate:1467250027 2 udp 2122260222 192.168.0.196 56280 typ host generation 0 network-id 1\r\na=candidate:435653019 1 tcp 1845501695 192.168.0.196 0 typ host tcptype active generation 0\r\n"}}`)

// syntaxSeeds are frames at the edges of JSON, for both the table test and the fuzzer.
var syntaxSeeds = []string{
	string(offer), `{}`, ` { } `, `[]`, `null`, `"x"`, ``, `{`, `{"a":1,}`, `{"a":01}`, `{"a":-}`, `{"a":-0.5e+10}`, `{"a":1.}`, `{"a":1e}`,
	`{"a":1}{}`, `{"a":1} x`, `{"type":"PING"}`, `{"type":"PING","type":"PONG"}`, `{"a":{"b":1,"b":2}}`, `{"a":1,"\u0061":2}`,
	`{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`, `{"a":"\uDfff"}`, `{"a":"\ude00\ud83d"}`, `{"a":"\ud83d\u0041"}`, `{"a":"\ud83d\\ude00"}`, `{"\ud800":1}`, `{"\ud800":1,"\udfff":2}`, `{"a":{"\ud800":1}}`, `{"type":"\ud800"}`, `{"a":"\ud8"}`, `{"a":"\x"}`, `{"a":"` + "\xff" + `"}`, `{"a":"é😀"}`, "{\"a\":\"\x01\"}", "{\"a\":\"\x7f\"}",
	`{"a":[1,[2,[3,[4,[5,[6,[7,[8]]]]]]]]}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":tru}`, `{"a":true,"b":false,"c":null}`, `{"a" :1 , "b": [ ] }`,
	`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"r":1}`,
	"{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xf4\x90\x80\x80\"}", "\xef\xbb\xbf{}", `{"":1}`, `{"":1,"":1}`, "{\"a\":\"\\", `{"a":"\u12`,
}

// FuzzScan holds the scanner to jsontext: whatever it accepts, jsontext accepts with the same
// members; and DecodeRelay to Decode.
func FuzzScan(f *testing.F) {
	for _, seed := range syntaxSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(checkScan)
}

func checkScan(t *testing.T, frame []byte) {
	checkRelay(t, frame)
	var fast, slow members
	scanned, fault := scan(frame, &fast), parse(frame, &slow)
	if strict := isObject(frame) && jsontext.Value(mend(frame)).IsValid(); strict != (fault == nil) {
		t.Fatalf("parse says %v, and jsontext of the frame without lone surrogates %t: %q", fault, strict, frame)
	}
	if !scanned {
		return
	}
	if fault != nil {
		t.Fatalf("scan accepts what jsontext refuses with %v: %q", fault, frame)
	}
	for f := range fast {
		if string(fast[f]) != string(slow[f]) || (fast[f] == nil) != (slow[f] == nil) {
			t.Fatalf("%s is %q by scan and %q by jsontext in %q", fieldNames[f], fast[f], slow[f], frame)
		}
	}
}

// mend replaces lone surrogate escapes by \ufffd, which is as long. They are the only thing
// that Decode takes and jsontext by itself does not.
func mend(frame []byte) []byte {
	mended := bytes.Clone(frame)
	for i := 0; i < len(mended); i++ {
		if mended[i] != '\\' {
			continue
		}
		switch unit, next := surrogate(mended[i:]), surrogate(mended[min(i+6, len(mended)):]); {
		case unit == 0:
			i++ // the byte after it, perhaps another backslash, begins no escape
		case unit < 0xdc00 && next >= 0xdc00:
			i += 11
		default:
			copy(mended[i:], `\ufffd`)
			i += 5
		}
	}
	return mended
}

// surrogate is the value of the surrogate escape at the start of b, 0 for none.
func surrogate(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil || n < 0xd800 || n > 0xdfff {
		return 0
	}
	return n
}

func isObject(frame []byte) bool { return bytes.HasPrefix(skipSpace(frame), []byte("{")) }

// checkRelay: what DecodeRelay reads, Decode reads as a relay with the same ids, or refuses only
// because of an id.
func checkRelay(t *testing.T, frame []byte) {
	var relay Relay
	if !DecodeRelay(frame, &relay) {
		return
	}
	ids := ValidRoomID(relay.RoomID) && ValidUserID(relay.UserID) && ValidUserID(relay.TargetUserID)
	m, err := Decode(frame)
	if !ids {
		return // it equals no id of a room or a seat
	}
	if err != nil || m.Type != relay.Type ||
		string(m.RoomID) != string(relay.RoomID) || string(m.UserID) != string(relay.UserID) || string(m.TargetUserID) != string(relay.TargetUserID) {
		t.Fatalf("DecodeRelay reads %s, %s, %s in %q, and Decode %+v, %v", relay.RoomID, relay.UserID, relay.TargetUserID, frame, m, err)
	}
}

func TestDecodeRelayReadsUsualRelays(t *testing.T) {
	const ids = `"roomId":"room-1","userId":"u","targetUserId":"v"`
	for frame, want := range map[string]bool{
		string(offer): true,
		`{"type":"WEBRTC_OFFER",` + ids + `,"offer":{}}`:                                true,
		`{"type":"WEBRTC_ANSWER",` + ids + `,"answer":{"sdp":""},"timestamp":1}`:        true,
		`{"type":"WEBRTC_ICE_CANDIDATE",` + ids + `,"candidate":{},"extra":[1,{}]}`:     true,
		`{"type":"WEBRTC_OFFER",` + ids + `,"answer":{}}`:                               false,
		`{"type":"WEBRTC_OFFER",` + ids + `,"offer":"v=0"}`:                             false,
		`{"type":"WEBRTC_OFFER",` + ids + `,"offer":{},"timestamp":"1"}`:                false,
		`{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"u","offer":{}}`:             false,
		`{"type":"WEBRTC_OFFER",` + ids + `,"offer":{},"offer":{}}`:                     false,
		`{"type":"HOST_NAVIGATE",` + ids + `,"url":"https://x"}`:                        false,
		`{"type":"LEAVE_ROOM",` + ids + `}`:                                             false,
		`{"type":"WEBRTC_OFFER","roomId":7,"userId":"u","targetUserId":"v","offer":{}}`: false,
	} {
		if got := DecodeRelay([]byte(frame), new(Relay)); got != want {
			t.Errorf("%t for %s", got, frame)
		}
		checkRelay(t, []byte(frame))
	}
}

func TestScanAgreesWithJsontext(t *testing.T) {
	for _, seed := range syntaxSeeds {
		checkScan(t, []byte(seed))
	}
	// Every truncation and every changed byte of a real frame.
	for i := range offer {
		checkScan(t, offer[:i])
		for _, c := range []byte("\"\\{}[],:0 \x00\x80\xff") {
			changed := append([]byte{}, offer...)
			changed[i] = c
			checkScan(t, changed)
		}
	}
}

// The scanner is worth having only if it takes the frames that relays are made of.
func TestScanTakesUsualFrames(t *testing.T) {
	usual := []string{string(offer), `{"type":"PING","timestamp":1}`, `{"type":"HOST_STATE_UPDATE","userId":"u","timestamp":1,"state":"PLAYING","time":12.5,"hostVideoUrl":"https://x/é"}`}
	for _, frame := range usual {
		if !scan([]byte(frame), new(members)) {
			t.Errorf("scan gives up at %s", frame)
		}
	}
	if scan([]byte(strings.Repeat("[", 100)), new(members)) {
		t.Error("scan takes an unclosed array")
	}
}

func TestDecodeOfARelayDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Decode(offer); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Decode allocates %v times for an offer", n)
	}
}

func BenchmarkDecodeOffer(b *testing.B) {
	b.SetBytes(int64(len(offer)))
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(offer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("jsontext", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var raw members
			if fault := parse(offer, &raw); fault != nil {
				b.Fatal(fault)
			}
		}
	})
}

func TestEveryFieldHasASlotOfItsOwn(t *testing.T) {
	for f := fieldNone + 1; f < fields; f++ {
		if got := fieldOf([]byte(fieldNames[f])); got != f {
			t.Errorf("%s is taken for %s", fieldNames[f], fieldNames[got])
		}
	}
	for _, name := range []string{"", "typ", "types", "Type", "roomID"} {
		if got := fieldOf([]byte(name)); got != fieldNone {
			t.Errorf("%q is taken for %s", name, fieldNames[got])
		}
	}
}
