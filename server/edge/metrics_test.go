package edge

import (
	"strings"
	"testing"
	"time"

	"usher/protocol"
)

func TestMetricsShowWhatWasCounted(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/rooms/{id}", handler: pong})
	m := s.metrics
	m.Rooms.Add(3)
	m.Connections.Add(2)
	m.Connections.Add(-1)
	m.Participants.Add(5)
	m.MessageReceived(protocol.WebRTCOffer)
	m.MessageReceived(protocol.WebRTCOffer)
	m.MessageReceived(0)
	m.MessageReceived(200)
	m.FramesRelayed(7)
	m.ErrorSent(protocol.JoinRoom, protocol.CodeRoomNotFound)
	m.ErrorSent(200, "NO_SUCH_CODE")
	m.UndeliveredSent(protocol.WebRTCOffer, protocol.CodeTargetAway)
	m.ConnClosed(protocol.CloseNormal)
	m.ConnClosed(0)
	m.ConnClosed(1006)
	m.Joined()
	m.Committed(4, 3*time.Millisecond)
	m.CommitFailed()
	s.ask(t, "GET", "/rooms/secret")
	s.ask(t, "GET", "/secret")
	s.ask(t, "PUT", "/rooms/secret")
	s.Close() // requests are counted after their responses

	scrape := serveRoutes(t, nil, metricsRoute(m))
	response, body := scrape.ask(t, "GET", "/metrics")
	if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		t.Fatal(response.StatusCode, response.Header)
	}
	for _, line := range []string{
		`usher_rooms 3`,
		`usher_connections 1`,
		`usher_participants 5`,
		`usher_messages_received_total{type="WEBRTC_OFFER"} 2`,
		`usher_messages_received_total{type="PING"} 0`,
		`usher_messages_received_total{type="invalid"} 2`,
		`usher_frames_relayed_total 7`,
		`usher_errors_total{code="ROOM_NOT_FOUND"} 1`,
		`usher_errors_total{code="other"} 1`,
		`usher_undelivered_total{code="TARGET_AWAY"} 1`,
		`usher_closes_total{code="1000"} 1`,
		`usher_closes_total{code="none"} 1`,
		`usher_closes_total{code="other"} 1`,
		`usher_joins_total 1`,
		`usher_saves_total 4`,
		`usher_commits_failed_total 1`,
		`usher_commit_seconds_count 1`,
		`usher_http_requests_total{route="/rooms/{id}",status="200"} 1`,
		`usher_http_requests_total{route="/rooms/{id}",status="405"} 1`,
		`usher_http_requests_total{route="other",status="404"} 1`,
		`go_goroutines `,
		`process_start_time_seconds `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(body, "secret") {
		t.Error("a room id is in the metrics")
	}
}
