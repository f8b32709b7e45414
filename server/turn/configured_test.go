package turn

import (
	"reflect"
	"testing"
	"time"
)

// These computed the vector:
//
//	printf 'seat\0movie-night\0ann\0\0\0\1\213\317\345\150\0' |
//	openssl dgst -sha256 -hmac north -binary | head -c 15 | base64 | tr +/ -_
//	printf %s 1700003600:bM0AFM5cwQFxZvVeX0RM | openssl dgst -sha1 -hmac north -binary | base64
func TestCredentialIsThatOfTheRESTAPI(t *testing.T) {
	provider := NewConfigured([]ICEServer{{URLs: []string{"stun:s", "turn:t"}}, {URLs: []string{"stuns:s"}}, {[]string{"turns:own"}, "alice", "static"}}, "north")
	provider.now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	got, err := provider.TURN(t.Context(), Seat{"movie-night", "ann", 1_700_000_000_000}, time.Hour)
	want := []ICEServer{
		{[]string{"stun:s", "turn:t"}, "1700003600:bM0AFM5cwQFxZvVeX0RM", "XoSiHIo6H9k+kXGkIxv/HfxpaZo="}, {URLs: []string{"stuns:s"}}, {[]string{"turns:own"}, "alice", "static"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
	if provider.servers[0].Username != "" {
		t.Error("the configuration was changed")
	}
	if got, want := provider.STUN(), []ICEServer{{URLs: []string{"stun:s"}}, {URLs: []string{"stuns:s"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%#v", got)
	}
	if !provider.Expires() || NewConfigured(provider.servers, "").Expires() {
		t.Error("only what a secret makes expires")
	}
}

func TestSeatsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]Seat{}
	for _, seat := range []Seat{{}, {"a", "b", 1}, {"a", "b", 2}, {"ab", "", 1}, {"", "ab", 1}, {"b", "a", 1}} {
		name := seat.Name([]byte("north"))
		if other, found := seen[name]; found || len(name) != 20 {
			t.Errorf("%+v and %+v have the name %s", seat, other, name)
		}
		seen[name] = seat
	}
	if seat := (Seat{"a", "b", 1}); seat.Name([]byte("north")) == seat.Name([]byte("south")) {
		t.Error("the name does not depend on the key")
	}
}
