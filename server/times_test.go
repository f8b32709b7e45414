package server

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

// counted returns the value of a line of /metrics, 0 for none.
func (r *running) counted(line string) (value float64) {
	r.t.Helper()
	page := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	body := page.Body.String()
	if found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + ` (\S+)$`).FindStringSubmatch(body); found != nil {
		if _, err := fmt.Sscan(found[1], &value); err != nil {
			r.t.Fatal(err)
		}
	}
	return value
}

// What happened is counted with the time that it took, with and without TLS; how long that was, no
// test says.
func TestTimesAreTaken(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){"polled": nil, "TLS": func(c *Config) { c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later()) }} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, change)
			ann, bob := s.open("times-1", "ann"), s.open("times-1", "bob")
			ann.create(`"protocol":1`)
			token := bob.join(`"protocol":1`).ResumeToken
			ann.expect("USER_JOINED")
			ann.offer("bob", "one")
			bob.expect("WEBRTC_OFFER")
			ann.offer("nobody", "two")
			ann.expect("UNDELIVERED")
			bob.say("RENAME_ROOM", `"newRoomName":"Mine"`)
			bob.refused(protocol.CodeNotHost)
			bob.drop()
			ann.expect("USER_DISCONNECTED")
			bob = s.open("times-1", "bob")
			bob.join(`"protocol":1`, `"resumeToken":"`+token+`"`)
			ann.expect("USER_RECONNECTED")
			ann.say("PING")
			ann.expect("PONG")
			for line, want := range map[string]float64{
				`usher_relay_seconds_count`:                                  1,
				`usher_message_seconds_count{type="WEBRTC_OFFER"}`:           2,
				`usher_message_seconds_count{type="CREATE_ROOM"}`:            1,
				`usher_message_seconds_count{type="JOIN_ROOM"}`:              2,
				`usher_message_seconds_count{type="RENAME_ROOM"}`:            1,
				`usher_message_errors_total{type="WEBRTC_OFFER"}`:            1,
				`usher_message_errors_total{type="RENAME_ROOM"}`:             1,
				`usher_seat_seconds_count{seat="new"}`:                       2,
				`usher_seat_seconds_count{seat="held"}`:                      1,
				`usher_seat_absence_seconds_count`:                           1,
				`usher_seat_absence_seconds_bucket{le="+Inf"}`:               1,
				`usher_seats_expired_total`:                                  0,
				`usher_messages_received_total{type="WEBRTC_ICE_CANDIDATE"}`: 0,
			} {
				// A slice is counted after its frames have gone out.
				servertest.Eventually(t, line, func() bool { return s.counted(line) == want })
			}
			if saves := s.counted("usher_save_seconds_count"); saves < 2 {
				t.Errorf("%v saves were timed", saves)
			}
		})
	}
}

// A frame that is passed on while a commit is under way is counted once it goes out.
func TestRelaysThatWaitForCommitsAreTimed(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	ann, bob := s.pair("waiting-1")
	const offers = 20
	for n := range offers {
		if n%2 == 0 {
			ann.say("RENAME_ROOM", fmt.Sprintf(`"newRoomName":"Room %d"`, n))
		}
		ann.offer("bob", fmt.Sprint(n))
	}
	for n := 0; n < offers; {
		if got := bob.next(); got.Type == "WEBRTC_OFFER" {
			n++
		}
	}
	ann.say("PING")
	for ann.next().Type != "PONG" {
	}
	servertest.Eventually(t, "all relays were timed", func() bool { return s.counted("usher_relay_seconds_count") == offers })
}
