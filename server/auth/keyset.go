package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// fetchTimeout and maxSetBytes bound a request for a key set.
	fetchTimeout = 5 * time.Second
	maxSetBytes  = 256 << 10
	// freshFor is how long a key set is used before it is fetched again, in the background.
	freshFor = 10 * time.Minute
	// usableFor is how long a key set is used if it cannot be fetched again. A key that the
	// operator has removed verifies nothing after that.
	usableFor = time.Hour
	// refetchEvery bounds how often a key set is fetched, whatever tokens name.
	refetchEvery = 10 * time.Second
)

// keySet is a set of keys at a URL, fetched when it is needed.
type keySet struct {
	url    string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	keys []key
	// fetchedAt is when the keys are from, triedAt when they were last asked for, and fetching is
	// closed when that is over, nil while it is not going on.
	fetchedAt, triedAt time.Time
	fetching           chan struct{}
	failed             bool
}

func newKeySet(address string, client *http.Client, log *slog.Logger, now func() time.Time) *keySet {
	if client == nil {
		client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	bounded := *client
	bounded.Timeout = fetchTimeout
	bounded.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("it redirects, and only the address itself is trusted")
	}
	return &keySet{url: address, client: &bounded, log: log, now: now}
}

// CheckURL returns what is wrong with the address of a key set. Whoever can change what is fetched
// can make tokens, so it is HTTPS, except on this machine.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be an address such as https://example.org/.well-known/jwks.json")
	case u.User != nil:
		return errors.New("must not have a password in it")
	case u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1":
		return errors.New("must be https://; only localhost may be http://")
	}
	return nil
}

// find returns the keys that a token may be signed with: those with its key id, or all if it has
// none. It waits for the set if nothing usable is known.
func (s *keySet) find(ctx context.Context, id string) ([]key, error) {
	s.mu.Lock()
	now := s.now()
	known := pick(s.keys, id)
	usable := !s.fetchedAt.IsZero() && now.Sub(s.fetchedAt) < usableFor
	fresh := usable && now.Sub(s.fetchedAt) < freshFor
	if usable && len(known) > 0 {
		if !fresh {
			s.fetchLocked(now)
		}
		s.mu.Unlock()
		return known, nil
	}
	under := s.fetchLocked(now)
	s.mu.Unlock()
	if under != nil {
		select {
		case <-under:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetchedAt.IsZero() || s.now().Sub(s.fetchedAt) >= usableFor {
		return nil, errUnavailable
	}
	if known = pick(s.keys, id); len(known) == 0 && s.failed {
		return nil, errUnavailable // the key may be a new one
	}
	return known, nil
}

var errUnavailable = errors.New("the key set cannot be fetched")

// pick returns the keys with an id, all if it is "".
func pick(keys []key, id string) (picked []key) {
	for _, k := range keys {
		if id == "" || k.id == id {
			picked = append(picked, k)
		}
	}
	return picked
}

// fetchLocked begins to fetch the set, unless that was done a moment ago. It returns what is closed
// when the fetch under way is over, nil if there is none.
func (s *keySet) fetchLocked(now time.Time) <-chan struct{} {
	if s.fetching != nil {
		return s.fetching
	}
	if !s.triedAt.IsZero() && now.Sub(s.triedAt) < refetchEvery {
		return nil
	}
	s.triedAt = now
	done := make(chan struct{})
	s.fetching = done
	go func() {
		defer close(done)
		s.took(s.fetch())
	}()
	return done
}

// took takes over what a fetch has brought.
func (s *keySet) took(keys []key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetching = nil
	s.failed = err != nil
	if err != nil {
		s.log.Warn("the key set cannot be fetched: tokens of new keys are refused, and those of known keys after an hour",
			"host", hostOf(s.url), "error", err)
		return
	}
	s.keys, s.fetchedAt = keys, s.now()
}

func (s *keySet) fetch() ([]key, error) {
	response, err := s.client.Get(s.url)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // it repeats the address, whose query may be secret
			err = wrapped.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the response is %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxSetBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxSetBytes:
		return nil, fmt.Errorf("it has more than %d bytes", maxSetBytes)
	}
	all, skipped := parseSet(text)
	keys := all[:0]
	for _, k := range all {
		if _, secret := k.public.([]byte); secret {
			skipped = append(skipped, errors.New("a secret, which has no place in a public set"))
			continue
		}
		k.private = nil
		keys = append(keys, k)
	}
	for _, reason := range skipped {
		s.log.Warn("a key of the key set is not used", "host", hostOf(s.url), "reason", reason)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no usable key")
	}
	return keys, nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
