package server

import (
	"strings"
	"testing"
	"time"

	"usher/protocol"
)

func TestMetricsShowWhatWasCounted(t *testing.T) {
	s := startEdge(t, nil, route{path: "/rooms/{id}", handler: pong})
	m := s.metrics
	m.rooms.Add(3)
	m.connections.Add(2)
	m.connections.Add(-1)
	m.participants.Add(5)
	m.messageReceived(protocol.WebRTCOffer)
	m.messageReceived(protocol.WebRTCOffer)
	m.messageReceived(0)
	m.messageReceived(200)
	m.framesRelayed(7)
	m.errorSent(protocol.CodeRoomNotFound)
	m.errorSent("NO_SUCH_CODE")
	m.undeliveredSent(protocol.CodeTargetAway)
	m.connClosed(protocol.CloseNormal)
	m.connClosed(0)
	m.connClosed(1006)
	m.joined()
	m.committed(4, 3*time.Millisecond)
	m.commitFailed()
	s.ask(t, "GET", "/rooms/secret")
	s.ask(t, "GET", "/secret")
	s.ask(t, "PUT", "/rooms/secret")
	s.Close() // the requests are counted after their answers

	scrape := startEdge(t, nil, m.route())
	answer, body := scrape.ask(t, "GET", "/metrics")
	if answer.StatusCode != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		t.Fatal(answer.StatusCode, answer.Header)
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

func TestCountingDoesNotAllocate(t *testing.T) {
	m := newMetrics()
	if n := testing.AllocsPerRun(100, func() {
		m.messageReceived(protocol.WebRTCOffer)
		m.framesRelayed(1)
		m.undeliveredSent(protocol.CodeTargetAway)
		m.connClosed(protocol.CloseNormal)
		m.committed(1, time.Millisecond)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMessageReceived(b *testing.B) {
	m := newMetrics()
	for b.Loop() {
		m.messageReceived(protocol.WebRTCOffer)
	}
}
