package turn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// CloudflareURL is where Cloudflare's API is.
	CloudflareURL = "https://rtc.live.cloudflare.com"
	// cloudflareTimeout bounds one call. A legacy client waits for the response between opening its
	// socket and joining, without a time-out of its own.
	cloudflareTimeout = 3 * time.Second
	// maxCalls bounds the calls under way.
	maxCalls = 64
	// maxResponseBytes is some 50 times what Cloudflare sends.
	maxResponseBytes = 64 << 10
	// maxServers and maxURLs bound what one response may name.
	maxServers, maxURLs = 16, 64
	// maxIssued bounds the seats whose credentials are remembered, so that they can be revoked.
	maxIssued = 1 << 16
	// maxNamesPerSeat bounds the user names that are remembered for one seat. Beyond that the
	// oldest are revoked at once, so that no credentials outlive their seat.
	maxNamesPerSeat = 64
	// maxRevocations bounds the calls that wait for others.
	maxRevocations = 1 << 12
)

// Cloudflare hands out Cloudflare's TURN servers. Credentials are revoked with their seat by the
// process that handed them out, for as long as it runs; others end by their ttl.
type Cloudflare struct {
	url, keyID, token string
	client            *http.Client
	log               *slog.Logger
	now               func() time.Time
	calls             chan struct{}

	mu     sync.Mutex
	issued map[Seat]*issue
	// revocations are user names that are to be revoked; revoking is set while somebody does it.
	revocations []string
	revoking    bool
}

// issue is what a seat has been given.
type issue struct {
	servers   []ICEServer
	expires   time.Time
	usernames []string
}

// NewCloudflare returns a provider for a TURN key and its API token. baseURL is CloudflareURL, but
// for tests.
func NewCloudflare(baseURL, keyID, token string, log *slog.Logger) *Cloudflare {
	return &Cloudflare{
		url: baseURL + "/v1/turn/keys/" + url.PathEscape(keyID) + "/credentials/", keyID: keyID, token: token,
		// A redirect would carry the token to somebody else.
		client: &http.Client{Timeout: cloudflareTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		log:    log, now: time.Now, calls: make(chan struct{}, maxCalls), issued: make(map[Seat]*issue),
	}
}

// STUN implements Provider.
func (c *Cloudflare) STUN() []ICEServer {
	return []ICEServer{{URLs: []string{"stun:stun.cloudflare.com:3478"}}}
}

// Expires implements Provider.
func (c *Cloudflare) Expires() bool { return true }

// TURN implements Provider. If Cloudflare fails, it returns what the seat has been given before, as
// long as that is valid for MinTTL or more.
func (c *Cloudflare) TURN(ctx context.Context, seat Seat, ttl time.Duration) ([]ICEServer, error) {
	body := fmt.Sprintf(`{"ttl":%d}`, int64(ttl.Seconds()))
	now := c.now()
	response, err := c.call(ctx, "generate-ice-servers", body)
	var servers []ICEServer
	if err == nil {
		servers, err = readServers(response)
	}
	if err == nil {
		c.remember(seat, servers, now.Add(ttl))
		return servers, nil
	}
	err = fmt.Errorf("the TURN service of Cloudflare: %w", err)
	if last := c.last(seat, now.Add(MinTTL)); last != nil {
		c.log.Warn("credentials are handed out again", "error", err)
		return last, nil
	}
	return nil, err
}

// call makes one call and returns the body of a success. Errors hold neither the token nor anything
// of the body.
func (c *Cloudflare) call(ctx context.Context, path, body string) ([]byte, error) {
	select {
	case c.calls <- struct{}{}:
		defer func() { <-c.calls }()
	default:
		return nil, errors.New("too many calls under way")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the key id makes no address")
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which has the key's id and a user name
		}
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("status %d: turn-key-id and its token do not match", response.StatusCode)
	case response.StatusCode/100 != 2:
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the response: %w", err)
	case len(text) > maxResponseBytes:
		return nil, fmt.Errorf("the response has more than %d bytes", maxResponseBytes)
	}
	return text, nil
}

// readServers reads the response to generate-ice-servers. URLs of port 53 are left out, because
// browsers wait for them a long time, for nothing.
func readServers(text []byte) ([]ICEServer, error) {
	var response struct {
		ICEServers []ICEServer `json:"iceServers"`
	}
	// encoding/json's own error may quote a value.
	if json.Unmarshal(bytes.TrimSpace(text), &response) != nil {
		return nil, errors.New("the response is not JSON with iceServers")
	}
	var servers []ICEServer
	urls, relays := 0, false
	for _, server := range response.ICEServers {
		server.URLs = slices.DeleteFunc(server.URLs, func(url string) bool {
			address, _, _ := strings.Cut(url, "?")
			return strings.HasSuffix(address, ":53")
		})
		if len(server.URLs) == 0 {
			continue
		}
		if err := server.Normalize(); err != nil {
			return nil, err
		}
		servers, urls, relays = append(servers, server), urls+len(server.URLs), relays || server.Relays()
	}
	switch {
	case len(servers) > maxServers || urls > maxURLs:
		return nil, errors.New("the response names too many servers")
	case !relays:
		return nil, errors.New("the response names no TURN server")
	}
	return servers, nil
}

// remember keeps what a seat has been given.
func (c *Cloudflare) remember(seat Seat, servers []ICEServer, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.issued[seat]
	if i == nil {
		if len(c.issued) >= maxIssued {
			c.forget()
		}
		i = new(issue)
		c.issued[seat] = i
	}
	i.servers, i.expires = servers, expires
	for _, server := range servers {
		if server.Username != "" && !slices.Contains(i.usernames, server.Username) {
			i.usernames = append(i.usernames, server.Username)
		}
	}
	if n := len(i.usernames) - maxNamesPerSeat; n > 0 {
		c.revoke(i.usernames[:n])
		i.usernames = slices.Delete(i.usernames, 0, n)
	}
}

// forget makes place: it forgets what has expired, and if nothing has, a tenth of the rest.
func (c *Cloudflare) forget() {
	now := c.now()
	for seat, i := range c.issued {
		if now.After(i.expires) {
			delete(c.issued, seat)
		}
	}
	surplus := len(c.issued) - maxIssued*9/10
	for seat := range c.issued {
		if surplus--; surplus < 0 {
			return
		}
		delete(c.issued, seat)
	}
}

// last returns what a seat has been given, if it is valid until then.
func (c *Cloudflare) last(seat Seat, until time.Time) []ICEServer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.issued[seat]; i != nil && i.expires.After(until) {
		return i.servers
	}
	return nil
}

// Revoke implements Provider.
func (c *Cloudflare) Revoke(seat Seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.issued[seat]
	if i == nil {
		return
	}
	delete(c.issued, seat)
	if !c.now().After(i.expires) {
		c.revoke(i.usernames)
	}
}

// revoke queues user names to be revoked. The caller holds the lock.
func (c *Cloudflare) revoke(usernames []string) {
	if len(c.revocations)+len(usernames) > maxRevocations {
		c.log.Warn("credentials are not revoked: too many wait for that")
		return
	}
	c.revocations = append(c.revocations, usernames...)
	if !c.revoking {
		c.revoking = true
		go c.revokeAll()
	}
}

// revokeAll revokes one after the other, until none is left.
func (c *Cloudflare) revokeAll() {
	for {
		c.mu.Lock()
		if len(c.revocations) == 0 {
			c.revocations, c.revoking = nil, false
			c.mu.Unlock()
			return
		}
		username := c.revocations[0]
		c.revocations = c.revocations[1:]
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), cloudflareTimeout)
		_, err := c.call(ctx, url.PathEscape(username)+"/revoke", "")
		cancel()
		if err != nil {
			c.log.Warn("credentials could not be revoked; they end by their ttl", "error", err)
		}
	}
}
