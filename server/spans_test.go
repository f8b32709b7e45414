package server

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"usher/protocol"
	"usher/server/servertest"
	"usher/server/tracing"
	"usher/server/tracing/tracingtest"
)

// traced makes a server send its spans to a collector.
func traced(t *testing.T, c *tracingtest.Collector) func(*Config) {
	t.Helper()
	return func(config *Config) {
		var err error
		if config.Trace, err = tracing.ConfigOf(c.URL, func(string) string { return "" }); err != nil {
			t.Fatal(err)
		}
	}
}

// traceOf returns a traceparent.
func traceOf(n int) string { return fmt.Sprintf("00-%032x-%016x-01", n, n) }

// spansOf returns the spans of its trace, in the order in which they began.
func spansOf(c *tracingtest.Collector, parent string) (found []*tracepb.Span) {
	for _, s := range c.Spans() {
		if hex.EncodeToString(s.GetTraceId()) == parent[3:35] {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *tracepb.Span) int { return int(a.GetStartTimeUnixNano()) - int(b.GetStartTimeUnixNano()) })
	return found
}

// chainOf returns the spans of a trace, each a part of the one before, which have these names.
func chainOf(t *testing.T, c *tracingtest.Collector, parent, want string) (chain []*tracepb.Span) {
	t.Helper()
	spans := spansOf(c, parent)
	var names []string
	above, _ := hex.DecodeString(parent[36:52])
	for range spans {
		next := slices.IndexFunc(spans, func(s *tracepb.Span) bool { return slices.Equal(s.GetParentSpanId(), above) })
		if next < 0 {
			t.Fatalf("nothing is a part of %x: %v", above, spans)
		}
		chain = append(chain, spans[next])
		names, above = append(names, spans[next].GetName()), spans[next].GetSpanId()
	}
	if got := strings.Join(names, ", "); got != want {
		t.Fatalf("the spans are %s, not %s", got, want)
	}
	return chain
}

// A client's trace goes on through the handshake, the join and the commit that it waits for,
// whether a header says which it is or, as browsers must, the query.
func TestAJoinIsOneTrace(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Start(t)
	s := serve(t, traced(t, collector))
	const room = "traced-room-1"
	path := "/ws?roomId=" + room
	ann := s.openAt(path, room, "ann", "Traceparent: "+traceOf(1))
	ann.create()
	bob := s.openAt(path+"&traceparent="+traceOf(2), room, "bob")
	bob.join()
	eve := s.openAt(path, room, "eve", "Traceparent: "+traceOf(3))
	eve.say("JOIN_ROOM", `"userName":""`)
	eve.refused(protocol.CodeInvalidName)
	bob.say("RENAME_USER", `"newUserName":"Robert"`)
	ann.expect("USER_JOINED")
	ann.expect("USER_RENAMED")
	for _, c := range []*client{ann, bob, eve} {
		c.leave()
	}
	s.stop()

	for n, join := range map[int]string{1: "CREATE_ROOM", 2: "JOIN_ROOM"} {
		parent := traceOf(n)
		spans := chainOf(t, collector, parent, "GET /ws, "+join+", commit")
		if request := spans[0]; tracingtest.Value(request, "http.response.status_code") != "101" || tracingtest.Value(request, "http.route") != "/ws" {
			t.Error(tracingtest.Text(request))
		}
		if spans[1].GetEndTimeUnixNano() < spans[2].GetStartTimeUnixNano() {
			t.Error("the join ends before its commit begins")
		}
	}
	refused := spansOf(collector, traceOf(3))
	if len(refused) != 2 || tracingtest.Value(refused[1], "error.type") != "INVALID_NAME" {
		t.Errorf("the refused join: %v", refused)
	}
	all := make(map[string]int)
	for _, span := range collector.Spans() {
		all[tracingtest.Text(span)]++
		for _, private := range []string{room, "ann", "bob", "Robert", "127.0.0.1"} {
			if strings.Contains(span.String(), private) {
				t.Errorf("%s is in the span %s", private, span)
			}
		}
	}
	if all["commit usher.message.type=RENAME_USER"] != 1 {
		t.Errorf("no span of the commit of a rename: %v", all)
	}
}

// Requests have spans with the route in place of the path; those that programs repeat have none.
// Scripts of other origins may send their traceparent.
func TestRequestsAreTraced(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Start(t)
	s := serve(t, traced(t, collector))
	for _, request := range []string{"GET /rooms/secret-room", "GET /secret", "SECRET /turn-credentials", "GET /metrics", "GET /healthz"} {
		method, path, _ := strings.Cut(request, " ")
		s.ask(method, path, "Traceparent: "+traceOf(4))
	}
	s.ask("GET", "/turn-credentials", "Traceparent: "+traceOf(5), "Traceparent: "+traceOf(4))
	response, _ := s.ask("OPTIONS", "/turn-credentials")
	if headers := response.Header.Get("Access-Control-Allow-Headers"); response.StatusCode != http.StatusNoContent || !strings.Contains(headers, "Traceparent") {
		t.Errorf("%d, a script may send %s", response.StatusCode, headers)
	}
	s.stop()
	var texts []string
	for _, span := range spansOf(collector, traceOf(4)) {
		texts = append(texts, tracingtest.Text(span))
	}
	if got, want := strings.Join(texts, "\n"), strings.Join([]string{
		"GET /rooms/{id} http.request.method=GET http.route=/rooms/{id} http.response.status_code=404",
		"GET http.request.method=GET http.response.status_code=404",
		"_OTHER /turn-credentials http.request.method=_OTHER http.route=/turn-credentials http.response.status_code=405",
	}, "\n"); got != want {
		t.Errorf("the spans are\n%s\nand not\n%s", got, want)
	}
	if strings.Contains(fmt.Sprint(collector.Spans()), "secret") {
		t.Error("a path is in a span")
	}
}

// The owner's join and commit are parts of the handshake with another node.
func TestATraceCrossesNodes(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Start(t)
	nodes := launchCluster(t, traced(t, collector))
	const room = "traced-room-2"
	path, owner := "/ws?roomId="+room, ownerOf(t, nodes, "traced-room-2")
	var people []*client
	for i := range nodes { // the first one has the room
		at := (owner + i) % len(nodes)
		c := nodes[at].openAt(path, room, fmt.Sprint("user-", i), "Traceparent: "+traceOf(10+i))
		if people = append(people, c); i == 0 {
			c.create()
		} else {
			c.join()
		}
	}
	for _, c := range people { // or the last node would wait for a majority that stores their room
		c.leave()
	}
	servertest.Eventually(t, "all spans come", func() bool {
		for i := range nodes {
			if len(spansOf(collector, traceOf(10+i))) != 3 {
				return false
			}
		}
		return true
	})
	for i, join := range []string{"CREATE_ROOM", "JOIN_ROOM", "JOIN_ROOM"} {
		chainOf(t, collector, traceOf(10+i), "GET /ws, "+join+", commit")
	}
}

// A node that drains hands its shards over, each with a span.
func TestHandOversAreTraced(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Start(t)
	nodes := launchCluster(t, traced(t, collector))
	nodes[0].stop()
	servertest.Eventually(t, "hand-overs are traced", func() bool {
		return slices.ContainsFunc(collector.Spans(), func(s *tracepb.Span) bool {
			return s.GetName() == "hand over" && tracingtest.Value(s, "usher.shard") != ""
		})
	})
}

// A collector that does not respond holds nobody up.
func TestTheServerDoesNotWaitForTheCollector(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Start(t)
	change := traced(t, collector)
	collector.Close()
	s := serve(t, change)
	ann, bob := s.pair("untraced-1")
	ann.offer("bob", "one")
	bob.expect("WEBRTC_OFFER")
	ann.leave()
	bob.leave()
}
