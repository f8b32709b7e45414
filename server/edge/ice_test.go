package edge

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/servertest"
	"usher/server/turn"
)

// fakeICE has a STUN server, and a TURN server that remembers whom it was for.
type fakeICE struct {
	seat turn.Seat
	ttl  time.Duration
	err  error
}

func (f *fakeICE) STUN() []turn.ICEServer { return []turn.ICEServer{{URLs: []string{"stun:s"}}} }

func (f *fakeICE) TURN(ctx context.Context, seat turn.Seat, ttl time.Duration) ([]turn.ICEServer, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("no deadline")
	}
	f.seat, f.ttl = seat, ttl
	return []turn.ICEServer{{URLs: []string{"turn:t"}}}, f.err
}

func (f *fakeICE) Revoke(turn.Seat) {}
func (f *fakeICE) Expires() bool    { return true }

// seats are Rooms in which only Ann has a seat.
type seats struct {
	Rooms
	refusal protocol.Code
}

func (s *seats) Seated(_ context.Context, roomID, userID, token string) (int64, protocol.Code) {
	if s.refusal == "" && (roomID != "movie-night" || userID != "ann" || token != "secret") {
		return 0, protocol.CodeInvalidResumeToken
	}
	return 77, s.refusal
}

func originsOf(t *testing.T, list ...string) *OriginList {
	t.Helper()
	l, err := ParseOrigins(list)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serveICE serves /turn-credentials.
func serveICE(t *testing.T, ice turn.Provider, rooms Rooms, open bool) *routed {
	config := testConfig()
	config.ICE, config.Rooms, config.TURNOpen, config.TURNTTL = ice, rooms, open, time.Hour
	e := &Edge{config: config, log: config.Log, metrics: config.Metrics, origins: originsOf(t, "https://a.test")}
	return serveRoutes(t, nil, e.turnRoute())
}

func TestTURNCredentialsAreForTheSeated(t *testing.T) {
	ice := new(fakeICE)
	closed, open := serveICE(t, ice, &seats{}, false), serveICE(t, ice, &seats{}, true)
	ann := turn.Seat{RoomID: "movie-night", UserID: "ann", TakenAtMs: 77}
	for _, test := range []struct {
		s             *routed
		query, bearer string
		want          string // a URL or a code
		seat          turn.Seat
		ttl           time.Duration
	}{
		{closed, "userId=ann&roomId=movie-night", "Bearer secret", "turn:t", ann, time.Hour},
		{closed, "userId=ann&roomId=movie-night", "bearer  secret", "turn:t", ann, time.Hour},
		{closed, "userId=ann&roomId=movie-night&ttl=300", "Bearer secret", "turn:t", ann, 300 * time.Second},
		{closed, "userId=ann&roomId=movie-night&ttl=86400", "Bearer secret", "turn:t", ann, 86400 * time.Second},
		{closed, "userId=ann&roomId=movie-night", "Bearer wrong", "INVALID_RESUME_TOKEN", turn.Seat{}, 0},
		{closed, "userId=ann&roomId=movie-night", "Bearer", "INVALID_RESUME_TOKEN", turn.Seat{}, 0},
		{closed, "userId=ann&roomId=movie-night", "Basic secret", "INVALID_RESUME_TOKEN", turn.Seat{}, 0},
		{closed, "userId=bob&roomId=movie-night", "Bearer secret", "INVALID_RESUME_TOKEN", turn.Seat{}, 0},
		{open, "userId=bob&roomId=movie-night", "Bearer secret", "INVALID_RESUME_TOKEN", turn.Seat{}, 0},
		{closed, "userId=ann&roomId=other-night", "Bearer secret", "INVALID_RESUME_TOKEN", turn.Seat{}, 0},
		{closed, "userId=ann", "Bearer secret", "INVALID_ROOM_ID", turn.Seat{}, 0},
		{closed, "userId=ann&roomId=no", "Bearer secret", "INVALID_ROOM_ID", turn.Seat{}, 0},
		{closed, "userId=ann", "", "stun:s", turn.Seat{}, 0},
		{closed, "userId=ann&roomId=movie-night", "", "stun:s", turn.Seat{}, 0},
		{open, "userId=ann", "", "turn:t", turn.Seat{UserID: "ann"}, 300 * time.Second},
		{open, "userId=ann&roomId=movie-night&ttl=86400", "", "turn:t", turn.Seat{UserID: "ann"}, 300 * time.Second},
	} {
		*ice = fakeICE{}
		header := "X-Test: 1"
		if test.bearer != "" {
			header = "Authorization: " + test.bearer
		}
		response, body := test.s.ask(t, "GET", "/turn-credentials?"+test.query, header)
		if !response.Close || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", test.query, response.Header)
		}
		if !strings.Contains(body, `"`+test.want+`"`) || ice.seat != test.seat || ice.ttl != test.ttl {
			t.Errorf("%s with %q: %s for %+v and %s", test.query, test.bearer, body, ice.seat, ice.ttl)
		}
	}
}

func TestTURNCredentialsChecksWhatItIsAsked(t *testing.T) {
	s := serveICE(t, new(fakeICE), &seats{}, false)
	for _, test := range []struct {
		query, origin string
		code          protocol.Code
	}{
		{"?userId=user-1_a.b:c", "", ""},
		{"?userId=u&ttl=300", "https://a.test", ""},
		{"?userId=u", "https://b.test", protocol.CodeOriginNotAllowed},
		{"", "", protocol.CodeInvalidUserID},
		{"?userId=", "", protocol.CodeInvalidUserID},
		{"?userId=a%20b", "", protocol.CodeInvalidUserID},
		{"?userId=" + strings.Repeat("a", 65), "", protocol.CodeInvalidUserID},
		{"?userId=u&ttl=", "", protocol.CodeInvalidTTL},
		{"?userId=u&ttl=299", "", protocol.CodeInvalidTTL},
		{"?userId=u&ttl=86401", "", protocol.CodeInvalidTTL},
		{"?userId=u&ttl=300.5", "", protocol.CodeInvalidTTL},
		{"?userId=u&ttl=%2B300", "", protocol.CodeInvalidTTL},
		{"?userId=u&ttl=99999999999999999999", "", protocol.CodeInvalidTTL},
	} {
		headers := []string{"X-Test: 1"}
		if test.origin != "" {
			headers = append(headers, "Origin: "+test.origin)
		}
		response, body := s.ask(t, "GET", "/turn-credentials"+test.query, headers...)
		if test.code != "" {
			// The second list of origins belongs to the edge, and is * here.
			servertest.WantError(t, response, body, test.code)
		} else if response.StatusCode != 200 || body != `{"iceServers":[{"urls":["stun:s"]}]}`+"\n" {
			t.Errorf("%s: %d %s", test.query, response.StatusCode, body)
		}
	}
}

func TestTURNCredentialsOfWhatFails(t *testing.T) {
	const query, token = "/turn-credentials?userId=ann&roomId=movie-night", "Authorization: Bearer secret"
	s := serveICE(t, &fakeICE{err: errors.New("provider is down")}, &seats{}, false)
	response, body := s.ask(t, "GET", query, token)
	servertest.WantError(t, response, body, protocol.CodeICEUnavailable)
	if strings.Contains(body, "down") {
		t.Error(body)
	}
	s = serveICE(t, new(fakeICE), &seats{refusal: protocol.CodeRoomUnavailable}, false)
	response, body = s.ask(t, "GET", query, token)
	servertest.WantError(t, response, body, protocol.CodeRoomUnavailable)
}

func TestTURNCredentialsOfNoServerIsAnEmptyList(t *testing.T) {
	s := serveICE(t, turn.NewConfigured(nil, "north"), &seats{}, true)
	if _, body := s.ask(t, "GET", "/turn-credentials?userId=u"); body != `{"iceServers":[]}`+"\n" {
		t.Error(body)
	}
}
