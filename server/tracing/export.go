package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"usher/server/metrics"
)

const (
	// firstWait is how long to wait before the second try, and each wait is twice the last, up to
	// maxWait. The SDK gives up after half a minute (OTEL_BSP_EXPORT_TIMEOUT).
	firstWait = 500 * time.Millisecond
	maxWait   = 8 * time.Second
	// maxReplyBytes is what is read of a collector's reply.
	maxReplyBytes = 64 << 10
)

// client posts spans (OTLP 1.x, "OTLP/HTTP"). It implements otlptrace.Client.
type client struct {
	config Config
	http   *http.Client
	counts *metrics.Spans
}

func newClient(c Config, counts *metrics.Spans) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c.TLS
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 1, 1
	return &client{c, &http.Client{
		Transport: transport, Timeout: c.Timeout,
		// A header with a key is for the collector that was named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, counts}
}

// Start implements otlptrace.Client.
func (c *client) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. It tries again, until ctx is done, what the collector
// could not take now.
func (c *client) UploadTraces(ctx context.Context, all []*tracepb.ResourceSpans) error {
	n := 0
	for _, r := range all {
		for _, s := range r.GetScopeSpans() {
			n += len(s.GetSpans())
		}
	}
	rejected, err := c.upload(ctx, all)
	if err != nil {
		c.counts.Lost.Add(uint64(n))
		return err
	}
	rejected = min(max(rejected, 0), n)
	c.counts.Lost.Add(uint64(rejected))
	c.counts.Sent.Add(uint64(n - rejected))
	return nil
}

func (c *client) upload(ctx context.Context, all []*tracepb.ResourceSpans) (rejected int, err error) {
	// TracesData is on the wire what ExportTraceServiceRequest is, whose package has a gRPC client.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: all})
	if err != nil {
		return 0, err
	}
	if !c.config.Uncompressed {
		body = compressed(body)
	}
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		rejected, after, err := c.post(ctx, body)
		if err == nil || after < 0 {
			return rejected, err
		}
		// Servers that lost their collector at the same moment do not come back at the same one.
		after = max(after, wait/2+rand.N(wait/2))
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < after {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(after):
		}
	}
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // never fails
	_ = w.Close()
	return b.Bytes()
}

// post posts once. after is not negative if the same may be tried again, no sooner than that.
func (c *client) post(ctx context.Context, body []byte) (rejected int, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, -1, err
	}
	for name, values := range c.config.Header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "usher")
	if !c.config.Uncompressed {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, 0, errors.Unwrap(err) // without the URL, which may have a key
	}
	defer response.Body.Close()
	reply, _ := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes))
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return rejectedOf(reply), 0, nil
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return 0, retryAfter(response.Header), fmt.Errorf("the collector replied %s", response.Status)
	default:
		return 0, -1, fmt.Errorf("the collector replied %s", response.Status)
	}
}

func retryAfter(h http.Header) time.Duration {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 60)) * time.Second
	}
	return 0
}

// The fields of ExportTraceServiceResponse and of ExportTracePartialSuccess.
const (
	fieldPartialSuccess = 1
	fieldRejectedSpans  = 1
)

// rejectedOf returns how many spans the collector did not want.
func rejectedOf(reply []byte) int {
	_, partial := fieldOf(reply, fieldPartialSuccess)
	n, _ := fieldOf(partial, fieldRejectedSpans)
	return int(n)
}

// fieldOf returns a field of a message, as a number or as bytes.
func fieldOf(message []byte, wanted protowire.Number) (number uint64, value []byte) {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return 0, nil
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(field, kind, message)
		if size < 0 {
			return 0, nil
		}
		if field == wanted {
			number, _ = protowire.ConsumeVarint(message)
			value, _ = protowire.ConsumeBytes(message)
		}
		message = message[size:]
	}
	return number, value
}
