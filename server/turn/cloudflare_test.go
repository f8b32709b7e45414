package turn

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/server/servertest"
)

// cloudflare is a server of the shape that Cloudflare's documentation gives its API.
type cloudflare struct {
	*Cloudflare
	log *servertest.LogBuffer

	mu sync.Mutex
	// respond replaces the success of generate-ice-servers, nil for none.
	respond func(http.ResponseWriter, *http.Request)
	revoked []string
	asked   []string
	nowMs   int64
}

const cloudflareServers = `{"iceServers":[
	{"urls":["stun:stun.cloudflare.com:3478","stun:stun.cloudflare.com:53"]},
	{"urls":["turn:turn.cloudflare.com:53?transport=udp","turn:turn.cloudflare.com:3478?transport=udp"],"username":"user-1","credential":"hunter2"},
	{"urls":"turns:turn.cloudflare.com:443?transport=tcp","username":"user-1","credential":"hunter2"}]}`

func newCloudflare(t *testing.T) *cloudflare {
	c := &cloudflare{log: new(servertest.LogBuffer)}
	const keys = "/v1/turn/keys/key-1/credentials/"
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+keys+"generate-ice-servers", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.asked = append(c.asked, string(body))
		respond := c.respond
		c.mu.Unlock()
		switch {
		case r.Header.Get("Authorization") != "Bearer token-1":
			http.Error(w, "unauthorized: "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		case respond != nil:
			respond(w, r)
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, cloudflareServers)
		}
	})
	mux.HandleFunc("POST "+keys+"{username}/revoke", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.revoked = append(c.revoked, r.PathValue("username")+" "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.Cloudflare = NewCloudflare(server.URL, "key-1", "token-1", slog.New(slog.NewTextHandler(c.log, nil)))
	c.now = func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return time.UnixMilli(c.nowMs)
	}
	return c
}

func (c *cloudflare) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nowMs += d.Milliseconds()
}

func (c *cloudflare) responds(respond func(http.ResponseWriter, *http.Request)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.respond = respond
}

func (c *cloudflare) revocations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.revoked...)
}

var ann = Seat{"movie-night", "ann", 1}

func TestCloudflareHandsOutItsServersWithoutPort53(t *testing.T) {
	c := newCloudflare(t)
	got, err := c.TURN(t.Context(), ann, time.Hour)
	want := []ICEServer{
		{URLs: []string{"stun:stun.cloudflare.com:3478"}},
		{[]string{"turn:turn.cloudflare.com:3478?transport=udp"}, "user-1", "hunter2"},
		{[]string{"turns:turn.cloudflare.com:443?transport=tcp"}, "user-1", "hunter2"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if !reflect.DeepEqual(c.asked, []string{`{"ttl":3600}`}) {
		t.Error(c.asked)
	}
}

// Each failure is bounded, says what is wrong, and shows neither the token nor the response.
func TestCloudflareFails(t *testing.T) {
	text := func(status int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		respond func(http.ResponseWriter, *http.Request)
		want    string
	}{
		"an error": {text(500, "token-1"), "status 500"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, "status 302"},
		"not JSON":       {text(201, "token-1"), "not JSON with iceServers"},
		"half":           {text(201, cloudflareServers[:200]), "not JSON with iceServers"},
		"another shape":  {text(201, `{"iceServers":{"urls":"turn:token-1"}}`), "not JSON with iceServers"},
		"nothing":        {text(201, `{}`), "names no TURN server"},
		"no TURN":        {text(201, `{"iceServers":[{"urls":"stun:s"}]}`), "names no TURN server"},
		"no credential":  {text(201, `{"iceServers":[{"urls":"turn:t","username":"token-1"}]}`), "needs both username and credential"},
		"another scheme": {text(201, `{"iceServers":[{"urls":"http:token-1"}]}`), "must begin with one of stun:"},
		"too many":       {text(201, `{"iceServers":[`+strings.Repeat(`{"urls":"turn:t","username":"u","credential":"c"},`, 17)+`{"urls":"stun:s"}]}`), "too many servers"},
		"huge":           {text(201, `{"iceServers":[],"x":"`+strings.Repeat("x", 10<<20)+`"}`), "more than 65536 bytes"},
		"huge at once": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1 << 20 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, "more than 65536 bytes"},
		"cut off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		c := newCloudflare(t)
		c.responds(test.respond)
		_, err := c.TURN(t.Context(), ann, time.Hour)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "token-1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCloudflareOfAWrongKey(t *testing.T) {
	c := newCloudflare(t)
	c.token = "token-2"
	if _, err := c.TURN(t.Context(), ann, time.Hour); err == nil || !strings.Contains(err.Error(), "its token do not match") || strings.Contains(err.Error(), "token-2") {
		t.Error(err)
	}
}

func TestCloudflareIsDown(t *testing.T) {
	c := NewCloudflare("http://127.0.0.1:1", "key-1", "token-1", slog.New(slog.DiscardHandler))
	if _, err := c.TURN(t.Context(), ann, time.Hour); err == nil || strings.Contains(err.Error(), "key-1") {
		t.Error(err)
	}
}

func TestCloudflareIsSlow(t *testing.T) {
	c := newCloudflare(t)
	asked := make(chan struct{})
	c.responds(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel() // in place of the time-out
	}()
	if _, err := c.TURN(ctx, ann, time.Hour); err == nil {
		t.Error("no error")
	}
	if c.client.Timeout != cloudflareTimeout {
		t.Error("no time-out")
	}
}

func TestCloudflareCallsAreBounded(t *testing.T) {
	c := newCloudflare(t)
	for range maxCalls {
		c.calls <- struct{}{}
	}
	if _, err := c.TURN(t.Context(), ann, time.Hour); err == nil || !strings.Contains(err.Error(), "too many calls") {
		t.Error(err)
	}
}

// What a seat was given last bridges a failure, but not past its ttl, and is nobody else's.
func TestCloudflareLastGoodIsNotUsedPastItsTTL(t *testing.T) {
	c := newCloudflare(t)
	good, err := c.TURN(t.Context(), ann, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.responds(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	c.pass(54 * time.Minute)
	if got, err := c.TURN(t.Context(), ann, time.Hour); err != nil || !reflect.DeepEqual(got, good) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := c.TURN(t.Context(), Seat{"movie-night", "bob", 1}, time.Hour); err == nil {
		t.Errorf("Bob got %v", got)
	}
	c.pass(time.Minute)
	if got, err := c.TURN(t.Context(), ann, time.Hour); err == nil {
		t.Errorf("got %v", got)
	}
	if strings.Contains(c.log.String(), "hunter2") {
		t.Error(c.log)
	}
}

func TestCloudflareCredentialsAreRevokedWithTheSeat(t *testing.T) {
	c := newCloudflare(t)
	c.Revoke(ann) // who has been given nothing
	_, _ = c.TURN(t.Context(), ann, time.Hour)
	_, _ = c.TURN(t.Context(), Seat{"movie-night", "ann", 2}, time.Hour)
	c.Revoke(ann)
	servertest.Eventually(t, "the call", func() bool { return len(c.revocations()) > 0 })
	if got := c.revocations(); !reflect.DeepEqual(got, []string{"user-1 Bearer token-1"}) {
		t.Error(got)
	}
	if c.last(ann, c.now()) != nil || c.last(Seat{"movie-night", "ann", 2}, c.now()) == nil {
		t.Error("the wrong seat was revoked")
	}
}

func TestCloudflareRemembersABoundedNumberOfSeats(t *testing.T) {
	c := newCloudflare(t)
	for i := range maxIssued + 10 {
		c.remember(Seat{"movie-night", "ann", int64(i)}, nil, c.now().Add(time.Hour))
	}
	if n := len(c.issued); n > maxIssued {
		t.Errorf("%d seats", n)
	}
}

// A seat that asks again and again could keep what it was given first when it ends.
func TestCloudflareRevokesTheOldestCredentialsOfASeat(t *testing.T) {
	c := newCloudflare(t)
	give := func(i int) {
		c.remember(ann, []ICEServer{{Username: fmt.Sprint("user-", i)}}, c.now().Add(time.Hour))
	}
	for i := range maxNamesPerSeat + 2 {
		give(i)
		give(i) // known already
	}
	servertest.Eventually(t, "two are revoked", func() bool { return len(c.revocations()) == 2 })
	c.Revoke(ann)
	servertest.Eventually(t, "all are", func() bool { return len(c.revocations()) == maxNamesPerSeat+2 })
	for i, revoked := range c.revocations() {
		if revoked != fmt.Sprintf("user-%d Bearer token-1", i) {
			t.Errorf("number %d is %s", i, revoked)
		}
	}
}
