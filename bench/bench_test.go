package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/server"
	"usher/server/servertest"
)

// serve runs a real server and returns its address.
func serve(t *testing.T, change func(*server.Config)) string {
	t.Helper()
	config := server.DefaultConfig()
	config.Listen, config.DataDir, config.Log = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler)
	config.DrainSpread = 0
	if change != nil {
		change(&config)
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Run(t, s)
	return "ws://" + s.Addr().String()
}

// small is a plan of a moment.
func small(address string) Plan {
	return Plan{URL: address, Rooms: 3, People: 3, JoinRate: 200, Duration: 400 * time.Millisecond, Idle: 0.3,
		Every: 50 * time.Millisecond, Churn: 10, Candidates: 2}
}

func TestEverybodyIsSeatedAndEverythingArrivesInOrder(t *testing.T) {
	reports := 0
	plan := small(serve(t, nil))
	result, err := Run(t.Context(), plan, func(Progress) { reports++ })
	if err != nil {
		t.Fatal(err)
	}
	if problem := result.Problem(); problem != nil {
		t.Errorf("%v", problem)
	}
	if result.Seated != 9 || result.People != 9 {
		t.Errorf("%d of %d seated, want 9 of 9", result.Seated, result.People)
	}
	// Each pair of a room negotiates once at least: an offer, an answer, and two candidates each.
	if least := 3 * 3 * 6; result.Arrived < least || result.Arrived > result.Sent {
		t.Errorf("%d of %d messages arrived, want %d at least", result.Arrived, result.Sent, least)
	}
	what := map[string]int64{}
	for _, times := range result.Times {
		what[times.What] = times.Count
	}
	for k := range kinds {
		if what[k.String()] == 0 {
			t.Errorf("no times of %s: %v", k, what)
		}
	}
	if reports == 0 {
		t.Error("no progress was reported")
	}
}

func TestLimitsThatWereMetAreNamed(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("s3cret", 6)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, code, flag string
		change           func(*server.Config)
		plan             func(*Plan)
	}{
		{"rooms", "TOO_MANY_ROOMS", "--max-rooms-per-address", func(c *server.Config) { c.MaxRoomsPerAddress = 2 }, nil},
		{"people", "ROOM_FULL", "--max-people", func(c *server.Config) { c.Room.MaxPeople = 2 }, func(p *Plan) { p.Churn = 0 }},
		{"joins", "RATE_LIMITED", "--address-join-burst", func(c *server.Config) { c.AddressJoins.Burst, c.AddressJoins.PerSecond = 4, 1 }, nil},
		{"accounts", "AUTH_REQUIRED", "--auth-jwt-key", func(c *server.Config) { c.Auth.KeyFile = key }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := small(serve(t, c.change))
			if c.plan != nil {
				c.plan(&plan)
			}
			result, err := Run(t.Context(), plan, nil)
			if err != nil {
				t.Fatal(err)
			}
			var advised *Error
			if problem := result.Problem(); !errors.As(problem, &advised) {
				t.Fatalf("no problem: %+v", result)
			}
			if !strings.Contains(advised.Problem, c.code) || !strings.Contains(advised.Hint, c.flag) {
				t.Errorf("%s\nhint: %s", advised.Problem, advised.Hint)
			}
		})
	}
}

func TestAServerThatIsNotThereIsOneErrorWithAHint(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	port := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	for name, c := range map[string]struct{ address, problem, hint string }{
		"nothing listens": {"ws://" + port(gone), "cannot be reached", "is the server up"},
		"no WebSocket":    {"ws://" + port(plain), "refuses connections", "/ws"},
		"no TLS":          {"wss://" + port(plain), "cannot be reached", "try ws://"},
		"only TLS":        {"ws://" + strings.TrimPrefix(secure.URL, "https://"), "400", "try wss://"},
		"no scheme":       {"localhost:8787", "not the address of a server", "ws://localhost:8787/ws"},
	} {
		_, err := Run(t.Context(), small(c.address), nil)
		var advised *Error
		if !errors.As(err, &advised) || !strings.Contains(advised.Problem, c.problem) || !strings.Contains(advised.Hint, c.hint) {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestPlansAreChecked(t *testing.T) {
	good := small("ws://localhost:8787")
	if _, err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Plan){
		"no rooms":       func(p *Plan) { p.Rooms = 0 },
		"too many seats": func(p *Plan) { p.People = MaxSeats + 1 },
		"no joins":       func(p *Plan) { p.JoinRate = 0 },
		"idle":           func(p *Plan) { p.Idle = 1.5 },
		"churn":          func(p *Plan) { p.Churn = -1 },
		"every":          func(p *Plan) { p.Every = 0 },
	} {
		plan := good
		change(&plan)
		if _, err := plan.check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if descriptors() > 0 {
		good.Rooms = descriptors()
		var advised *Error
		if _, err := good.check(); !errors.As(err, &advised) || !strings.Contains(advised.Hint, "ulimit -n") {
			t.Errorf("more people than files: %v", err)
		}
	}
}

func TestLostAndReorderedMessagesAreCounted(t *testing.T) {
	r := &run{tally: newTally(), plan: small("ws://localhost")}
	meeting := &room{gone: map[string]bool{}}
	ann := &person{run: r, room: meeting, id: "ann", links: map[string]*link{}}
	bob := &person{run: r, room: meeting, id: "bob", links: map[string]*link{}}
	meeting.people, r.rooms = []*person{ann, bob}, []*room{meeting}
	ann.link("bob").sent = 3
	for _, number := range []int{1, 3, 2} {
		bob.received(Candidate, "ann", stamp{Number: number})
	}
	if r.tally.outOfOrder != 2 || r.missing() != 1 {
		t.Errorf("%d out of order, %d missing", r.tally.outOfOrder, r.missing())
	}
	problem := r.result(false).Problem()
	if problem == nil || !strings.Contains(problem.Error(), "1 message lost") || !strings.Contains(problem.Error(), "2 messages out of order") {
		t.Errorf("%v", problem)
	}
}

func TestMessagesAreWhatAServerTakes(t *testing.T) {
	for _, k := range []Kind{Offer, Answer, Candidate} {
		m, err := decode(encode(k, "room-1", "ann", "bob", stamp{7, 42}))
		if err != nil {
			t.Fatal(err)
		}
		if kind, carried := m.relayed(); carried == nil || kind != k || carried.Bench != (stamp{7, 42}) {
			t.Errorf("%s: %+v", k, m)
		}
	}
}

func TestReportIsWellFormedAndSaysWhatWentWrong(t *testing.T) {
	r := &Result{Plan: small("ws://localhost/<script>"), Seated: 8, People: 9, Refusals: map[string]int{"ROOM_FULL": 1}, Closes: map[string]int{},
		Times:  []Times{{What: "offer", Count: 2, Curve: []Point{{0, 0.1}, {50, 0.2}, {99.99, 30}}}},
		Series: []Second{{People: 1}, {People: 9, Messages: 100, P50Ms: 0.3, P99Ms: 12}}}
	var page bytes.Buffer
	if err := r.WriteReport(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"ROOM_FULL", "8</b>", "<polyline", "prefers-color-scheme: dark", "&lt;script&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("a chart has no place for a number")
	}
	for rest, found := text, true; found; {
		var picture string
		if _, rest, found = strings.Cut(rest, "<svg"); !found {
			break
		}
		picture, rest, _ = strings.Cut(rest, "</svg>")
		for decoder := xml.NewDecoder(strings.NewReader("<svg" + picture + "</svg>")); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
