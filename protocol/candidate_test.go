package protocol

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const relayed = "candidate:3098175849 1 udp 33562367 203.0.113.7 54321 typ relay raddr 0.0.0.0 rport 0"

// The SDP is Chromium's, cut short.
const sdp = "v=0\r\no=- 4215775240449105457 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS\r\n" +
	"m=application 54321 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:/9Ls\r\na=ice-pwd:typ/raddress/candid8\r\n" +
	"a=ice-options:trickle\r\na=setup:actpass\r\na=mid:0\r\n"

// relayOnly says of texts whether they may pass.
var relayOnly = map[string]bool{
	"":                        true,
	sdp:                       true,
	"a=end-of-candidates":     true,
	"A=End-Of-Candidates\r\n": true,
	relayed:                   true,
	"a=" + relayed:            true,
	relayed + "\r\n":          true,
	sdp + "a=" + relayed:      true,
	strings.ToUpper(relayed):  true,
	relayed + " generation 0 ufrag /9Ls network-id 1 network-cost 50":                           true,
	"candidate:1 1 udp 1 2001:db8::7 9 typ relay raddr :: rport 0":                              true,
	"candidate:1 1 UDP 1 203.0.113.7 9 typ relay":                                               true,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr 0:0:0:0:0:0:0:0 rport 9":                 true,
	relayed + "\na=" + relayed + "\ra=end-of-candidates":                                        true,
	"the user name of a film about candidacy":                                                   true,
	"candidate:1 1 udp 2122260223 192.0.2.1 9 typ host":                                         false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ srflx raddr 0.0.0.0 rport 0":                         false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ prflx raddr 0.0.0.0 rport 0":                         false,
	"candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active":                          false,
	"candidate:1 1 tcp 1 203.0.113.7 9 typ relay tcptype passive":                               false,
	"candidate:1 1 udp 2122260223 5bfb7d5e-1fbc-4b0e-8a5f-2c1f8a2f6d11.local 9 typ host":        false,
	"candidate:1 1 udp 1 5bfb7d5e-1fbc-4b0e-8a5f-2c1f8a2f6d11.local 9 typ relay":                false,
	"candidate:1 1 udp 1 ann.example.org 9 typ relay raddr 0.0.0.0 rport 0":                     false,
	"candidate:1 1 udp 1 fe80::1%eth0 9 typ relay raddr :: rport 0":                             false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr 192.0.2.1 rport 9":                       false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr 2001:db8::1 rport 9":                     false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr ann.local rport 9":                       false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr 0.0.0.0 rport 0 raddr 192.0.2.1 rport 9": false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay RADDR 192.0.2.1 rport 9":                       false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay x raddr 192.0.2.1 rport":                       false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr 0 rport 0":                               false,
	"candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr":                                         false,
	"candidate:1 1 udp 1 192.0.2.1 9 typ relay typ host":                                        false,
	"candidate:1 1 udp 1 192.0.2.1 9 typ host typ relay":                                        false,
	"candidate:1 1 udp 1 192.0.2.1 9 TYP HOST":                                                  false,
	"CANDIDATE:1 1 UDP 1 192.0.2.1 9 TYP HOST":                                                  false,
	"a=CaNdIdAtE:1 1 udp 1 192.0.2.1 9 typ host":                                                false,
	"a=candidate:1\t1 udp 1 192.0.2.1 9 typ host":                                               false,
	"a=candidate:1 1 udp 1 192.0.2.1 9\ttyp\trelay":                                             false,
	" a=candidate:1 1 udp 1 192.0.2.1 9 typ host":                                               false,
	"a= candidate:1 1 udp 1 192.0.2.1 9 typ host":                                               false,
	"a=candidate :1 1 udp 1 192.0.2.1 9 typ host":                                               false,
	"x=candidate:1 1 udp 1 192.0.2.1 9 typ host":                                                false,
	"1 1 udp 1 192.0.2.1 9 typ host":                                                            false,
	"1 1 udp 1 192.0.2.1 9 typ":                                                                 false,
	"1 1 udp 1 192.0.2.1 9\x00typ\x00host":                                                      false,
	relayed + " candidate:1 1 udp 1 192.0.2.1 9 typ host":                                       false,
	relayed + "\ncandidate:1 1 udp 1 192.0.2.1 9 typ host":                                      false,
	relayed + "\rcandidate:1 1 udp 1 192.0.2.1 9 typ host":                                      false,
	relayed + "\u2028candidate:1 1 udp 1 192.0.2.1 9 typ host":                                  false,
	relayed + "\vcandidate:1 1 udp 1 192.0.2.1 9 typ host":                                      false,
	relayed + "\x00": false,
	sdp + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" + "a=" + relayed: false,
	sdp + "a=" + relayed + "\ra=candidate:1 1 udp 1 192.0.2.1 9 typ host":   false,
	"a=remote-candidates:1 192.0.2.1 9":                                     false,
	"a=end-of-candidates a=candidate:1 1 udp 1 192.0.2.1 9 typ host":        false,
	"candidate:":  false,
	"candidate:1": false,
	"candidate: 1 udp 1 192.0.2.1 9 typ relay x": false,
}

// gathered is the SDP of a browser that has its candidates: they say where media goes.
var gathered = strings.Replace(sdp, "0.0.0.0", "203.0.113.7", 1)

// mediaAddresses say of texts with addresses for media whether they may pass.
var mediaAddresses = map[string]bool{
	gathered + "a=" + relayed: true,
	"a=" + relayed + "\r\nc=IN IP4 203.0.113.7\r\na=rtcp:5 IN IP4 203.0.113.7\r\nc=IN IP4 0.0.0.0\r\nc=IN IP4 203.0.113.7": true,
	"c=IN IP6 2001:DB8::7\r\na=candidate:1 1 udp 1 2001:db8::7 9 typ relay raddr :: rport 0":                               true,
	"c=IN IP6 ::":                          true,
	"a=rtcp:9":                             true,
	"a=rtcp:9 IN IP4 0.0.0.0":              true,
	"a=rtcp-mux\na=rtcp-rsize":             true,
	"c":                                    true,
	"cheap=1":                              true,
	gathered:                               false,
	"c=IN IP4 203.0.113.8\r\na=" + relayed: false,
	gathered + "a=" + relayed + "\r\nc=IN IP4 192.0.2.1":        false,
	gathered + "a=" + relayed + "\r\na=rtcp:9 IN IP4 192.0.2.1": false,
	"c=IN IP4 33562367\r\na=" + relayed:                         false,
	"c=IN IP4 192.0.2.1":                                        false,
	"c=IN IP4 192.0.2.1/127":                                    false,
	"c=IN IP4 0.0.0.0 192.0.2.1":                                false,
	"c=IN IP6 2001:db8::1":                                      false,
	"c=IN IP4 ann.local":                                        false,
	"c=IN IP4":                                                  false,
	"c=":                                                        false,
	"c=TN RFC2543 +1-201-406-4090":                              false,
	"C=in ip4 192.0.2.1":                                        false,
	" c=IN IP4 192.0.2.1":                                       false,
	"c = IN IP4 192.0.2.1":                                      false,
	"\vc=IN IP4 192.0.2.1":                                      false,
	"\u00a0c=IN IP4 192.0.2.1":                                  false,
	"\x00c\x00=IN IP4 192.0.2.1":                                false,
	"\u2028a=rtcp:9 IN IP4 192.0.2.1":                           false,
	"c=IN\tIP4\t192.0.2.1":                                      false,
	"s=-\rc=IN IP4 192.0.2.1":                                   false,
	"a=rtcp:9 IN IP4 192.0.2.1":                                 false,
	"A=RTCP:9 IN IP6 2001:db8::1":                               false,
	"a=rtcp:9\tIN IP4 192.0.2.1":                                false,
	gathered + "a=" + relayed + "\r\na=" + other + strings.Repeat("\r\nc=IN IP4 203.0.113.9\r\nc=IN IP4 203.0.113.7", 100): true,
	gathered + "a=" + relayed + strings.Repeat("\r\nc=IN IP4 203.0.113.7", 100) + "\r\nc=IN IP4 203.0.113.9":               false,
	// It takes only so long to find out.
	manyAddresses(maxMediaAddresses):     true,
	manyAddresses(maxMediaAddresses + 1): false,
}

const other = "candidate:1 1 udp 1 203.0.113.9 9 typ relay"

// manyAddresses has so many different addresses for media, each with its candidate.
func manyAddresses(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "c=IN IP4 203.0.113.%d\r\na=candidate:1 1 udp 1 203.0.113.%d 9 typ relay\r\n", i+1, i+1)
	}
	return text.String()
}

func TestMediaGoesToRelaysOnly(t *testing.T) { testRelayOnly(t, mediaAddresses) }

func TestOnlyRelayCandidatesAreRelayOnly(t *testing.T) { testRelayOnly(t, relayOnly) }

func testRelayOnly(t *testing.T, texts map[string]bool) {
	for text, want := range texts {
		payload, err := json.Marshal(map[string]any{"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0})
		if err != nil {
			t.Fatal(err)
		}
		if got := RelayOnly(payload); got != want {
			t.Errorf("%q: %v", text, got)
		}
		// In any other place, and written in any other way, it is the same.
		for _, template := range []string{`{"type":"offer","sdp":%}`, `{ "x" : [ 1, { "y" : % } ] }`, `{"candidate":{"candidate":%}}`, `{"a":"b","c\"":%,"d":":"}`} {
			if got := RelayOnly([]byte(strings.Replace(template, "%", escaped(text), 1))); got != want {
				t.Errorf("%s of %q: %v", template, text, got)
			}
		}
	}
}

// escaped writes each character of a text as an escape.
func escaped(text string) string {
	const hex = "0123456789aBcDeF"
	b := []byte{'"'}
	for _, r := range text {
		b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	return string(append(b, '"'))
}

func TestRelayOnlyOfWhatIsNoCandidate(t *testing.T) {
	for payload, want := range map[string]bool{
		`{}`:                                true,
		`{"candidate":null}`:                true,
		`{"candidate":1}`:                   true,
		`{"candidate:1 1 udp typ host":1}`:  true, // a name is nobody's candidate
		`{"x":"\ud800"}`:                    false,
		`{"candidate":"\ud800candidate:1"}`: false,
		`{"x":"candidate\u003a1 typ host"}`: false,
		`{"x":"\\","y":"candidate:1"}`:      false,
		`{"x":"\\\"","y":"candidate:1"}`:    false,
		`{"x":"candidate:1`:                 false,
		`["a","candidate:1","b"]`:           false,
		`{"x":["candidate:1 1 udp","a"]}`:   false,
		`{"x":"candidate:1" , "y" : "z"}`:   false,
	} {
		if got := RelayOnly([]byte(payload)); got != want {
			t.Errorf("%s: %v", payload, got)
		}
	}
}

// Whatever a browser would take for a candidate line is one of type relay.
func FuzzRelayOnly(f *testing.F) {
	f.Add(relayed)
	f.Add("a=" + relayed + "\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host")
	f.Add("a=candidate:1 1 udp 1 192.0.2.1 9 typ host typ relay")
	f.Add(gathered + "a=" + relayed)
	f.Add("c=IN IP4 0.0.0.0\rc=IN IP4 192.0.2.1 \n")
	f.Add("c=IN IP4  0.0.0.00")
	f.Add("C=IN IP4 ::")
	f.Add("\vC=IN IP4 1")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		payload, err := json.Marshal(map[string]string{"sdp": text})
		if err != nil {
			t.Fatal(err)
		}
		if !RelayOnly(payload) {
			return
		}
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
			lower := strings.ToLower(strings.TrimSpace(line))
			if address, isMedia := strings.CutPrefix(lower, "c=in ip4 "); isMedia && strings.Trim(address, "0:. ") != "" &&
				!strings.Contains(strings.ToLower(text), " "+strings.TrimSpace(address)+" ") {
				t.Fatalf("%q has %q", text, line)
			}
			words := strings.Fields(strings.TrimPrefix(lower, "a="))
			if len(words) < 8 || !strings.HasPrefix(words[0], "candidate:") {
				continue
			}
			for i, word := range words {
				if word == "typ" && (i+1 == len(words) || words[i+1] != "relay") || word == "raddr" && words[i+1] != "0.0.0.0" && strings.Trim(words[i+1], "0:.") != "" {
					t.Fatalf("%q has %q", text, line)
				}
			}
		}
	})
}

func BenchmarkRelayOnly(b *testing.B) {
	const size = 64 << 10 // the largest frame by default
	fill := func(text, with string) string { return text + strings.Repeat(with, (size-len(text))/len(with)) }
	many := manyAddresses(maxMediaAddresses)
	var inTurn strings.Builder
	for i := range maxMediaAddresses {
		fmt.Fprintf(&inTurn, "c=IN IP4 203.0.113.%d\r\n", maxMediaAddresses-i)
	}
	for _, row := range []struct{ name, sdp string }{
		{"a browser's", gathered + "a=" + relayed + "\r\n"},
		{"many candidates", fill(many, "a="+relayed+"\r\n")},
		{"addresses in turn", fill(many, inTurn.String())},
		{"short lines", fill(gathered+"a="+relayed+"\r\n", "c\n")},
	} {
		payload, err := json.Marshal(map[string]string{"type": "offer", "sdp": row.sdp})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(row.name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if !RelayOnly(payload) {
					b.Fatal("refused")
				}
			}
		})
	}
}
