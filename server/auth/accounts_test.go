package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/protocol"
	"usher/room"
)

var now = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

const secret = "0123456789abcdef0123456789abcdef"

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// file writes a file of the test's own.
func file(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// publicOf is the public half of a private key, as PEM; of a secret it is the secret.
func publicOf(private any) []byte {
	if s, ok := private.([]byte); ok {
		return s
	}
	public := private.(interface{ Public() any }).Public
	return pemOf("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(public())))
}

// keys are one of each algorithm, private.
var keys = map[jose.SignatureAlgorithm]any{
	jose.HS256: []byte(secret),
	jose.EdDSA: edKey{must2(ed25519.GenerateKey(rand.Reader))},
	jose.ES256: ecKey{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
	jose.RS256: rsaKey{must(rsa.GenerateKey(rand.Reader, 2048))},
}

type (
	edKey  struct{ ed25519.PrivateKey }
	ecKey  struct{ *ecdsa.PrivateKey }
	rsaKey struct{ *rsa.PrivateKey }
)

func (k edKey) Public() any  { return k.PrivateKey.Public() }
func (k ecKey) Public() any  { return k.PrivateKey.Public() }
func (k rsaKey) Public() any { return k.PrivateKey.Public() }

func must2(_ ed25519.PublicKey, private ed25519.PrivateKey, err error) ed25519.PrivateKey {
	return must(private, err)
}

// bare is the key that go-jose knows.
func bare(key any) any {
	switch k := key.(type) {
	case edKey:
		return k.PrivateKey
	case ecKey:
		return k.PrivateKey
	case rsaKey:
		return k.PrivateKey
	}
	return key
}

// signed makes a token with any claims.
func signed(algorithm jose.SignatureAlgorithm, key any, claims any) string {
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: bare(key)}, nil))
	return must(jwt.Signed(signer).Claims(claims).Serialize())
}

// claims are good ones, changed.
func claims(change map[string]any) map[string]any {
	all := map[string]any{"sub": "ann", "exp": now.Add(time.Hour).Unix()}
	for name, value := range change {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

func open(t *testing.T, config Config) *Accounts {
	t.Helper()
	config.Now, config.Log = func() time.Time { return now }, quiet()
	a, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// verdict is the code and details of a refusal, "" for none.
func verdict(refusal *Refusal) string {
	if refusal == nil {
		return ""
	}
	return strings.TrimSpace(string(refusal.Code) + " " + refusal.Details)
}

func TestTokensOfEachAlgorithm(t *testing.T) {
	for algorithm, key := range keys {
		a := open(t, Config{KeyFile: file(t, publicOf(key)), MayCreate: true})
		token := signed(algorithm, key, claims(map[string]any{"name": "Ann", "role": "COHOST", "room": []string{"room-1", "room-2"}}))
		who, refusal := a.Verify(t.Context(), "room-2", token)
		if refusal != nil {
			t.Fatal(algorithm, verdict(refusal))
		}
		want := room.Identity{UserID: "ann", Name: "Ann", Role: protocol.Cohost, HasRole: true, MayCreate: true, ExpiresAtMs: now.Add(time.Hour).UnixMilli()}
		if *who != want {
			t.Errorf("%s: %+v", algorithm, *who)
		}
		if _, refusal = a.Verify(t.Context(), "room-3", token); verdict(refusal) != "ROOM_NOT_ALLOWED" {
			t.Error(algorithm, verdict(refusal))
		}
		// A byte of the signature.
		if _, refusal = a.Verify(t.Context(), "room-2", token[:len(token)-8]+"AAAA"+token[len(token)-4:]); verdict(refusal) != "INVALID_TOKEN its signature is not that of the key" {
			t.Error(algorithm, verdict(refusal))
		}
	}
}

// The key says which algorithm a token has, not the token. The classic attack signs with HS256 and
// the text of a public key, which everybody has.
func TestTheKeyPinsTheAlgorithm(t *testing.T) {
	for algorithm, key := range keys {
		public := publicOf(key)
		a := open(t, Config{KeyFile: file(t, public)})
		for other, otherKey := range keys {
			if other == algorithm {
				continue
			}
			_, refusal := a.Verify(t.Context(), "room-1", signed(other, otherKey, claims(nil)))
			if verdict(refusal) != "INVALID_TOKEN its algorithm is not the one of the key" {
				t.Errorf("%s for a key of %s: %s", other, algorithm, verdict(refusal))
			}
		}
		if algorithm == jose.HS256 {
			continue
		}
		for _, text := range [][]byte{public, bytes.TrimSpace(public)} {
			_, refusal := a.Verify(t.Context(), "room-1", signed(jose.HS256, text, claims(nil)))
			if verdict(refusal) != "INVALID_TOKEN its algorithm is not the one of the key" {
				t.Errorf("HS256 with the public key of %s: %s", algorithm, verdict(refusal))
			}
		}
	}
}

func TestTokensThatAreNone(t *testing.T) {
	a := open(t, Config{KeyFile: file(t, []byte(secret))})
	encode := base64.RawURLEncoding.EncodeToString
	payload := encode(must(json.Marshal(claims(nil))))
	malformed := "INVALID_TOKEN it is malformed, or its algorithm is none of HS256, EdDSA, ES256, RS256"
	for name, token := range map[string]string{
		"empty": "", "words": "Bearer of bad news", "two parts": "a.b", "dots": "..", "null byte": "a.\x00.c",
		"none":       encode([]byte(`{"alg":"none"}`)) + "." + payload + ".",
		"HS512":      signed(jose.HS512, []byte(secret+secret), claims(nil)),
		"two heads":  encode([]byte(`{"alg":"HS256","alg":"none"}`)) + "." + payload + ".",
		"a critical": encode([]byte(`{"alg":"HS256","crit":["b64"],"b64":false}`)) + "." + payload + ".c2ln",
	} {
		_, refusal := a.Verify(t.Context(), "room-1", token)
		if got := verdict(refusal); got != malformed && !strings.HasPrefix(got, "INVALID_TOKEN its") {
			t.Errorf("%s: %s", name, got)
		}
	}
	_, refusal := a.Verify(t.Context(), "room-1", strings.Repeat("a", protocol.MaxAuthTokenBytes+1))
	if verdict(refusal) != "INVALID_TOKEN it has more than 8192 bytes" {
		t.Error(verdict(refusal))
	}
}

func TestClaims(t *testing.T) {
	a := open(t, Config{KeyFile: file(t, []byte(secret)), Issuer: "https://id.example", Audience: "usher", Leeway: time.Minute})
	seconds := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, test := range []struct {
		change map[string]any
		want   string
	}{
		{nil, ""},
		{map[string]any{"aud": []string{"other", "usher"}}, ""},
		{map[string]any{"exp": seconds(-30 * time.Second)}, ""}, // within the leeway
		{map[string]any{"nbf": seconds(30 * time.Second)}, ""},
		{map[string]any{"exp": seconds(-61 * time.Second)}, "TOKEN_EXPIRED"},
		{map[string]any{"nbf": seconds(61 * time.Second)}, "INVALID_TOKEN it is not valid yet: are the clocks right?"},
		{map[string]any{"iat": seconds(61 * time.Second)}, "INVALID_TOKEN it is not valid yet: are the clocks right?"},
		{map[string]any{"exp": nil}, "INVALID_TOKEN exp is missing"},
		{map[string]any{"iss": "https://evil.example"}, "INVALID_TOKEN iss is another issuer"},
		{map[string]any{"iss": nil}, "INVALID_TOKEN iss is another issuer"},
		{map[string]any{"aud": "other"}, "INVALID_TOKEN aud is another audience"},
		{map[string]any{"aud": nil}, "INVALID_TOKEN aud is another audience"},
		{map[string]any{"sub": nil}, "INVALID_TOKEN sub is missing or is not a user id: 1 to 64 letters, digits or any of _ . : -"},
		{map[string]any{"sub": "a b"}, "INVALID_TOKEN sub is missing or is not a user id: 1 to 64 letters, digits or any of _ . : -"},
		{map[string]any{"sub": "System"}, "INVALID_TOKEN sub is missing or is not a user id: 1 to 64 letters, digits or any of _ . : -"},
		{map[string]any{"sub": 7}, "INVALID_TOKEN its claims are malformed"},
		{map[string]any{"exp": "soon"}, "INVALID_TOKEN its claims are malformed"},
		{map[string]any{"name": "\u202eevil"}, "INVALID_TOKEN name is not one that others can read"},
		{map[string]any{"name": strings.Repeat("n", 500)}, ""},
		{map[string]any{"role": "host"}, "INVALID_TOKEN role is none of HOST, COHOST, GUEST, VIEWER"},
		{map[string]any{"room": "room-2"}, "ROOM_NOT_ALLOWED"},
		{map[string]any{"room": []string{}}, "ROOM_NOT_ALLOWED"},
		{map[string]any{"room": 1}, "INVALID_TOKEN its claims are malformed"},
		{map[string]any{"room": "*"}, "ROOM_NOT_ALLOWED"},
		{map[string]any{"create": "yes"}, "INVALID_TOKEN its claims are malformed"},
	} {
		all := claims(map[string]any{"iss": "https://id.example", "aud": "usher", "room": "room-1"})
		for name, value := range test.change {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		_, refusal := a.Verify(t.Context(), "room-1", signed(jose.HS256, []byte(secret), all))
		if verdict(refusal) != test.want {
			t.Errorf("%v: %s, want %s", test.change, verdict(refusal), test.want)
		}
	}
}

func TestWhoMayCreate(t *testing.T) {
	for _, byDefault := range []bool{true, false} {
		a := open(t, Config{KeyFile: file(t, []byte(secret)), MayCreate: byDefault})
		for claim, want := range map[any]bool{nil: byDefault, true: true, false: false} {
			who, refusal := a.Verify(t.Context(), "room-1", signed(jose.HS256, []byte(secret), claims(map[string]any{"create": claim})))
			if refusal != nil || who.MayCreate != want {
				t.Errorf("by default %t, claim %v: %+v, %s", byDefault, claim, who, verdict(refusal))
			}
		}
	}
}

func TestKeyFiles(t *testing.T) {
	ec, small := bare(keys[jose.ES256]).(*ecdsa.PrivateKey), must(rsa.GenerateKey(rand.Reader, 1024))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	jwk := func(key any, change func(*jose.JSONWebKey)) []byte {
		k := jose.JSONWebKey{Key: key, KeyID: "k1"}
		if change != nil {
			change(&k)
		}
		return must(k.MarshalJSON())
	}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"secret":          {[]byte(secret + "\n"), ""},
		"SEC 1":           {pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec))), ""},
		"PKCS 8":          {pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ec))), ""},
		"two":             {append(publicOf(keys[jose.ES256]), publicOf(keys[jose.EdDSA])...), ""},
		"JWK":             {jwk(ec.Public(), nil), ""},
		"JWK set":         {[]byte(`{"keys":[` + string(jwk(ec.Public(), nil)) + `]}`), ""},
		"empty":           {nil, "the file is empty"},
		"short secret":    {[]byte("hunter2"), "a secret for HS256 has at least 32 bytes, and this one has 7"},
		"short in JWK":    {jwk([]byte("hunter2"), nil), "key 1: a secret for HS256 has at least 32 bytes, and this one has 7"},
		"weak RSA":        {pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&small.PublicKey)), "an RSA key has 2048 to 8192 bits, and this one has 1024"},
		"another curve":   {pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p384))), "an elliptic key is for ES256 and on the curve P-256, not P-384"},
		"another use":     {jwk(ec.Public(), func(k *jose.JSONWebKey) { k.Use = "enc" }), "key 1: it is for another use than signatures"},
		"another alg":     {jwk(ec.Public(), func(k *jose.JSONWebKey) { k.Algorithm = "HS256" }), "key 1: it is for another algorithm than ES256, which keys of its kind are for here"},
		"certificate":     {pemOf("CERTIFICATE", []byte("x")), `PEM of the kind "CERTIFICATE": PUBLIC KEY or PRIVATE KEY is wanted`},
		"broken PEM":      {pemOf("PUBLIC KEY", []byte("x")), "the PUBLIC KEY cannot be read"},
		"not PEM":         {[]byte("-----BEGIN NOTHING"), "not PEM"},
		"broken JSON":     {[]byte(`{"keys":`), "neither a JSON Web Key nor a set of them"},
		"unknown kind":    {[]byte(`{"kty":"OKP","crv":"X448","x":"AA"}`), "key 1: it is malformed, or of a kind that is not known"},
		"not on the line": {[]byte(`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`), "key 1: it is malformed, or of a kind that is not known"},
	} {
		_, err := Open(Config{KeyFile: file(t, test.file), Log: quiet()})
		if got := strings.TrimPrefix(errorOf(err), "KEY: "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if _, err := Open(Config{KeyFile: filepath.Join(t.TempDir(), "missing"), Log: quiet()}); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// errorOf is the error's text without the path.
func errorOf(err error) string {
	if err == nil {
		return ""
	}
	_, text, _ := strings.Cut(err.Error(), "key: ")
	return text
}

// What Issue makes, Verify reads.
func TestIssuedTokensAreRead(t *testing.T) {
	for algorithm, key := range keys {
		private, ok := bare(key).([]byte)
		if !ok {
			private = pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(bare(key))))
		}
		path := file(t, private)
		token, err := Issue(path, &Claims{Claims: jwt.Claims{Subject: "ann", Expiry: jwt.NewNumericDate(now.Add(time.Minute))}, Room: rooms{"room-1"}})
		if err != nil {
			t.Fatal(err)
		}
		who, refusal := open(t, Config{KeyFile: path}).Verify(context.Background(), "room-1", token)
		if refusal != nil || who.UserID != "ann" {
			t.Error(algorithm, verdict(refusal))
		}
	}
	if _, err := Issue(file(t, publicOf(keys[jose.ES256])), &Claims{}); err == nil || !strings.Contains(err.Error(), "only public keys") {
		t.Error(err)
	}
}
