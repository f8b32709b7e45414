package webhook

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
)

// DefaultKinds are the kinds of occurrences that are sent unless Config.Kinds says otherwise.
var DefaultKinds = []room.OccurrenceKind{
	room.RoomCreated, room.RoomEnded, room.UserJoined, room.UserLeft, room.HostChanged, room.UserKicked, room.UserBanned,
}

// Config is what a Sender needs.
type Config struct {
	// URL is the receiver's: see CheckURL.
	URL string
	// Secrets sign each message. One is enough; while receivers change from one to another there
	// are two.
	Secrets []string
	// Kinds are those of DefaultKinds that are sent.
	Kinds []room.OccurrenceKind
	// AllowPrivate allows receivers in private networks and on this machine.
	AllowPrivate bool
	// RetryFor is how long a message is tried.
	RetryFor time.Duration

	// Queue has the messages.
	Queue store.Queue
	// Now is time.Now, or a test's.
	Now func() time.Time
	// After is time.After, or a test's.
	After func(time.Duration) <-chan time.Time
	// TLS is for a test's receiver, nil for the system's authorities.
	TLS *tls.Config

	// Metrics counts what is sent.
	Metrics *metrics.Webhooks
	// Log receives nothing of a message, and no address.
	Log *slog.Logger
}

// CheckURL returns why a receiver's address is not usable, nil if it is. Only https is, unless http
// is allowed.
func CheckURL(text string, allowHTTP bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("it is not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		return errors.New("it must begin with https:// and a host")
	case u.Scheme == "http" && !allowHTTP:
		return errors.New("only https:// is allowed, because what happens in rooms is nobody else's business")
	case u.User != nil:
		return errors.New("it must have no user and password: the signature proves who sends")
	case u.Fragment != "":
		return errors.New("it must have no fragment, which is never sent")
	}
	return nil
}

const (
	secretPrefix = "whsec_"
	// The bytes of a secret, as Standard Webhooks bounds them.
	minSecretBytes, maxSecretBytes = 24, 64
)

// NewSecret returns a random secret.
func NewSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// ParseSecrets returns the secrets of a file that has one or two lines.
func ParseSecrets(text string) ([]string, error) {
	secrets := strings.Fields(text)
	if len(secrets) < 1 || len(secrets) > 2 {
		return nil, fmt.Errorf("it must have one secret, or two while receivers change to the new one, not %d", len(secrets))
	}
	if _, err := signersOf(secrets); err != nil {
		return nil, err
	}
	return secrets, nil
}

// signersOf never repeats a secret in its errors.
func signersOf(secrets []string) (signers []*standardwebhooks.Webhook, err error) {
	for _, secret := range secrets {
		text, ok := strings.CutPrefix(secret, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) < minSecretBytes || len(key) > maxSecretBytes {
			return nil, fmt.Errorf("a secret is %s and %d to %d bytes in base64", secretPrefix, minSecretBytes, maxSecretBytes)
		}
		signer, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	return signers, nil
}
