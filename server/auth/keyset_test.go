package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer serves a key set.
type issuer struct {
	t       *testing.T
	server  *httptest.Server
	asked   atomic.Int32
	handler atomic.Pointer[http.HandlerFunc]

	mu  sync.Mutex
	now time.Time
	log bytes.Buffer
}

func newIssuer(t *testing.T) (*issuer, *Accounts) {
	t.Helper()
	i := &issuer{t: t, now: now}
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		(*i.handler.Load())(w, r)
	}))
	t.Cleanup(i.server.Close)
	a, err := Open(Config{KeySetURL: i.server.URL + "/keys?secret=hunter2", Now: i.at, Log: slog.New(slog.NewTextHandler(i, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return i, a
}

func (i *issuer) at() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

func (i *issuer) wait(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

// Write implements io.Writer, for the log.
func (i *issuer) Write(line []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.log.Write(line)
}

// logged returns what was logged since it was last called.
func (i *issuer) logged() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	text := i.log.String()
	i.log.Reset()
	if strings.Contains(text, "hunter2") {
		i.t.Error("the log has the query of the address: ", text)
	}
	return text
}

func (i *issuer) serve(handler http.HandlerFunc) { i.handler.Store(&handler) }

// serveKeys serves keys by their ids.
func (i *issuer) serveKeys(all map[string]any) {
	var set jose.JSONWebKeySet
	for id, key := range all {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: id})
	}
	text := must(json.Marshal(set))
	i.serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
}

// token is one of ann's, for any room, signed with a key that is called id.
func token(id string, key any) string {
	options := (&jose.SignerOptions{}).WithHeader("kid", id)
	if id == "" {
		options = nil
	}
	algorithm := must(newKey("", bare(key))).algorithm
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: bare(key)}, options))
	return must(jwt.Signed(signer).Claims(claims(map[string]any{"exp": now.Add(24 * time.Hour).Unix()})).Serialize())
}

func wantVerdict(t *testing.T, a *Accounts, token, want string) {
	t.Helper()
	if _, refusal := a.Verify(t.Context(), "room-1", token); verdict(refusal) != want {
		t.Errorf("%q, want %q", verdict(refusal), want)
	}
}

const (
	unavailable = "AUTH_UNAVAILABLE"
	unknownKey  = "INVALID_TOKEN it names a key that is not known"
)

func TestAKeySetIsFetchedOnceAndAgain(t *testing.T) {
	i, a := newIssuer(t)
	old, next := keys[jose.ES256], keys[jose.EdDSA]
	oldPublic, nextPublic := bare(old).(*ecdsa.PrivateKey).Public(), bare(next).(ed25519.PrivateKey).Public()
	i.serveKeys(map[string]any{"old": oldPublic})
	for range 100 {
		wantVerdict(t, a, token("old", old), "")
		wantVerdict(t, a, token("", old), "") // a token need not name its key
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("the set was fetched %d times", n)
	}
	// A new key: the set is fetched when a token names it, but at most every ten seconds, whatever
	// tokens name.
	i.serveKeys(map[string]any{"old": oldPublic, "next": nextPublic})
	wantVerdict(t, a, token("next", next), unknownKey)
	i.wait(refetchEvery)
	wantVerdict(t, a, token("next", next), "")
	for n := range 100 {
		wantVerdict(t, a, token(fmt.Sprint("made up ", n), next), unknownKey)
	}
	if n := i.asked.Load(); n != 2 {
		t.Errorf("the set was fetched %d times", n)
	}
	// A key that is gone is not believed any more once the set is fetched again.
	i.serveKeys(map[string]any{"next": nextPublic})
	i.wait(freshFor)
	wantVerdict(t, a, token("next", next), "") // and fetches in the background
	for i.asked.Load() != 3 {
		time.Sleep(time.Millisecond)
	}
	for verdictOf(a, token("old", old)) == "" {
		time.Sleep(time.Millisecond)
	}
	if text := i.logged(); text != "" {
		t.Error(text)
	}
}

func verdictOf(a *Accounts, token string) string {
	_, refusal := a.Verify(context.Background(), "room-1", token)
	return verdict(refusal)
}

// While the set cannot be fetched, known keys are believed for an hour.
func TestAKeySetThatIsDown(t *testing.T) {
	i, a := newIssuer(t)
	key := keys[jose.RS256]
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	wantVerdict(t, a, token("k", key), unavailable)
	if text := i.logged(); !strings.Contains(text, "the key set cannot be fetched") || !strings.Contains(text, "the response is 502") {
		t.Error(text)
	}
	wantVerdict(t, a, token("k", key), unavailable)
	if n := i.asked.Load(); n != 1 {
		t.Errorf("the set was asked for %d times in a moment", n)
	}
	i.serveKeys(map[string]any{"k": bare(key).(*rsa.PrivateKey).Public()})
	i.wait(refetchEvery)
	wantVerdict(t, a, token("k", key), "")
	i.server.CloseClientConnections()
	i.server.Close()
	i.wait(usableFor - time.Second)
	wantVerdict(t, a, token("k", key), "")
	wantVerdict(t, a, token("new", key), unavailable) // it may be a new one
	i.wait(time.Second)
	wantVerdict(t, a, token("k", key), unavailable)
	if text := i.logged(); !strings.Contains(text, "connection refused") {
		t.Error(text)
	}
}

func TestKeySetsThatAreNoUse(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	jwk := func(key any) string { return string(must(jose.JSONWebKey{Key: key, KeyID: "k"}.MarshalJSON())) }
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		log     string
	}{
		"huge": {write(`{"keys":[]` + strings.Repeat(" ", maxSetBytes) + `}`), "it has more than 262144 bytes"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/?secret=hunter2", http.StatusFound)
		}, "it redirects, and only the address itself is trusted"},
		"no JSON":    {write("<html>"), "neither a JSON Web Key nor a set of them"},
		"empty":      {write(`{"keys":[]}`), "it has no usable key"},
		"a secret":   {write(`{"keys":[` + jwk([]byte(secret)) + `]}`), "a secret, which has no place in a public set"},
		"weak RSA":   {write(`{"keys":[` + jwk(small.Public()) + `]}`), "an RSA key has 2048 to 8192 bits, and this one has 1024"},
		"wrong kind": {write(`{"keys":[{"kty":"oct2","kid":"k"}]}`), "it is malformed, or of a kind that is not known"},
		"too many":   {write(`{"keys":[` + strings.Repeat(`{},`, maxKeys) + `{}]}`), "a key set has at most 64 keys, and this one has 65"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"keys":[`))
		}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			i, a := newIssuer(t)
			i.serve(test.handler)
			wantVerdict(t, a, token("k", keys[jose.HS256]), unavailable)
			if text := i.logged(); !strings.Contains(text, test.log) {
				t.Errorf("logged %q, want %q", text, test.log)
			}
		})
	}
}

// A set that is slow costs its own callers some time, and nobody who has a known key.
func TestASlowKeySet(t *testing.T) {
	i, a := newIssuer(t)
	a.set.client.Timeout = 50 * time.Millisecond
	key := keys[jose.ES256]
	release := make(chan struct{})
	i.serve(func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { wantVerdict(t, a, token("k", key), unavailable) })
	}
	all.Wait()
	if n := i.asked.Load(); n != 1 {
		t.Errorf("ten tokens fetched the set %d times", n)
	}
	if text := i.logged(); !strings.Contains(text, "Timeout exceeded") {
		t.Error(text)
	}
}

// Keys that are no use do not spoil the others of a set.
func TestOneBadKeyAmongOthers(t *testing.T) {
	i, a := newIssuer(t)
	key := keys[jose.ES256]
	good := string(must(jose.JSONWebKey{Key: bare(key).(*ecdsa.PrivateKey).Public(), KeyID: "k"}.MarshalJSON()))
	i.serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"keys":[{"kty":"RSA"},%s,7]}`, good) })
	wantVerdict(t, a, token("k", key), "")
	if text := i.logged(); strings.Count(text, "a key of the key set is not used") != 2 {
		t.Error(text)
	}
}

func TestAddressesOfKeySets(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://id.example/jwks": true, "http://localhost:8080/jwks": true, "http://127.0.0.1/": true, "http://[::1]/": true,
		"http://id.example/jwks": false, "id.example/jwks": false, "file:///etc/passwd": false, "https://ann:pw@id.example/": false, "https://": false, "": false,
	} {
		if err := CheckURL(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
