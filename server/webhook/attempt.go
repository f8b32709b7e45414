package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"usher/server/address"
	"usher/server/store"
)

const (
	// attemptTimeout bounds one request.
	attemptTimeout = 15 * time.Second
	// maxReplyBytes of a reply are read so that its connection can be used again.
	maxReplyBytes = 4 << 10
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = time.Hour
)

// outcome is what became of one request.
type outcome struct {
	lane *lane
	seq  uint64
	// failure is why the message was not received, "" if it was.
	failure string
	// rejected: the receiver will never take this message. gone: it will take no message at all.
	rejected, gone bool
	// removed: the queue no longer has the message, and unread: it could not be read. So it was not
	// sent.
	removed, unread bool
	// after is how long the receiver asks to wait.
	after time.Duration
}

var errPrivate = errors.New("the receiver's address is not public")

// newClient returns a client that reaches public addresses only, unless others are allowed.
func newClient(config *Config) *http.Client {
	dialer := &net.Dialer{Timeout: attemptTimeout}
	if !config.AllowPrivate {
		// called with the address that the name has, before the connection is made
		dialer.ControlContext = func(_ context.Context, _, target string, _ syscall.RawConn) error {
			if to, err := netip.ParseAddrPort(target); err != nil || !address.IsPublic(to.Addr()) {
				return errPrivate
			}
			return nil
		}
	}
	return &http.Client{
		Timeout:       attemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: config.TLS, ForceAttemptHTTP2: true,
			MaxConnsPerHost: maxAtOnce, MaxIdleConnsPerHost: maxAtOnce, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: attemptTimeout, MaxResponseHeaderBytes: 16 << 10,
		},
	}
}

// post sends a message once.
func (s *Sender) post(ctx context.Context, m *store.Queued) outcome {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URL, bytes.NewReader(m.Body))
	if err != nil {
		return outcome{failure: "the receiver's URL is not usable"}
	}
	now := s.config.Now()
	var signatures []string
	for _, signer := range *s.signers.Load() {
		signature, err := signer.Sign(m.ID, now, m.Body)
		if err != nil {
			return outcome{failure: "it cannot be signed"}
		}
		signatures = append(signatures, signature)
	}
	h := request.Header
	h["webhook-id"] = []string{m.ID} // in lower case, as the specification has them
	h["webhook-timestamp"] = []string{strconv.FormatInt(now.Unix(), 10)}
	h["webhook-signature"] = []string{strings.Join(signatures, " ")}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "usher")
	response, err := s.client.Do(request)
	if err != nil {
		return outcome{failure: causeOf(err)}
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxReplyBytes)
	return judge(response, now)
}

// judge reads a reply. A redirect is a failure.
func judge(response *http.Response, now time.Time) outcome {
	status := response.StatusCode
	if status/100 == 2 {
		return outcome{}
	}
	o := outcome{failure: "status " + strconv.Itoa(status), gone: status == http.StatusGone}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		o.rejected = status/100 == 4 || status/100 == 3
	}
	o.after = retryAfter(response.Header.Get("Retry-After"), now)
	return o
}

// retryAfter reads seconds or a date, 0 for neither.
func retryAfter(text string, now time.Time) (after time.Duration) {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return max(0, min(after, maxRetryAfter))
}

// causeOf names an error without the addresses that it may contain.
func causeOf(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return "the receiver's address is not public (webhook-allow-private allows that)"
	case errors.As(err, &dns):
		return "the receiver's name is not found"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no reply in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "):
		return "TLS: the receiver's certificate is not accepted"
	}
	return "the connection failed"
}
