package server

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withAdmin gives a server an admin token.
func withAdmin(t *testing.T, c *Config) {
	t.Helper()
	c.AdminTokenFile = filepath.Join(t.TempDir(), "admin")
	if err := os.WriteFile(c.AdminTokenFile, []byte(adminToken), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What the API makes is a token like those of the accounts, with their issuer and audience.
func TestTheAPIMakesTokens(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, func(c *Config) {
		withAdmin(t, c)
		c.Auth.Issuer, c.Auth.Audience = "shop", "films"
	})
	before := time.Now().UnixMilli()
	response, text := o.post("/api/v1/tokens", adminToken, `{"userId":"ann","userName":"Ann","role":"COHOST","roomIds":["room-1","room-2"],"mayCreate":false,"expiresMs":60000}`)
	var made struct {
		Token     string
		ExpiresAt int64
	}
	if err := json.Unmarshal([]byte(text), &made); response.StatusCode != 201 || err != nil || made.ExpiresAt < before+59_000 || made.ExpiresAt > time.Now().UnixMilli()+60_000 {
		t.Fatalf("%s %s", response.Status, text)
	}
	o.keepPrivate(made.Token)
	for room, want := range map[string]string{"room-1": `"userId":"ann","userName":"Ann","role":"COHOST"`, "room-2": `"ann"`, "room-3": "ROOM_NOT_ALLOWED"} {
		if _, text := o.post("/tickets?roomId="+room, made.Token, ""); !strings.Contains(text, want) {
			t.Errorf("a ticket for %s: %s", room, text)
		}
	}
	_, text = o.post("/api/v1/tokens", adminToken, `{"userId":"bob"}`)
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	o.keepPrivate(made.Token)
	if _, text := o.post("/tickets?roomId=any-room", made.Token, ""); !strings.Contains(text, `"userId":"bob"`) {
		t.Errorf("a token for any room: %s", text)
	}
	for _, body := range []string{
		`{}`, `{"userId":"system"}`, `{"userId":"a b"}`, `{"userId":"ann","role":"KING"}`, `{"userId":"ann","roomIds":[]}`, `{"userId":"ann","roomIds":["x"]}`,
		`{"userId":"ann","roomIds":["room-1"` + strings.Repeat(`,"room-1"`, 100) + `]}`, `{"userId":"ann","expiresMs":1}`, `{"userId":"ann","expiresMs":-60000}`,
		`{"userId":"ann","expiresMs":2592000001}`, `{"userId":"ann","userName":"\u200b"}`, `{"userId":"ann","issuer":"me"}`,
	} {
		if response, text := o.post("/api/v1/tokens", adminToken, body); response.StatusCode != 400 || !strings.Contains(text, "INVALID_MESSAGE") {
			t.Errorf("%s: %s %s", body, response.Status, text)
		}
	}
}

// A server that can only verify makes no tokens.
func TestAServerWithAPublicKeyMakesNoTokens(t *testing.T) {
	t.Parallel()
	public, _, _ := ed25519.GenerateKey(nil)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	o := serveAccounts(t, func(c *Config) {
		withAdmin(t, c)
		if err := os.WriteFile(c.Auth.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if response, text := o.post("/api/v1/tokens", adminToken, `{"userId":"ann"}`); response.StatusCode != 404 || !strings.Contains(text, "no key that signs") {
		t.Errorf("%s %s", response.Status, text)
	}
}
