// Package tracingtest is a collector for tests: it receives OTLP as protobuf over HTTP.
package tracingtest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector has what it was sent.
type Collector struct {
	*httptest.Server
	// Reply responds in place of the collector, unless it returns false. It may be nil.
	Reply func(http.ResponseWriter, *http.Request) bool

	mu       sync.Mutex
	spans    []*tracepb.Span
	resource map[string]string
	requests []*http.Request
	errors   []error
}

// Start starts a collector that ends with the test, which fails if something else than OTLP was
// posted.
func Start(t *testing.T) *Collector {
	t.Helper()
	c := &Collector{resource: make(map[string]string)}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(func() {
		c.Server.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, err := range c.errors {
			t.Error(err)
		}
	})
	return c
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	if c.Reply != nil && c.Reply(w, r) {
		return
	}
	if err := c.take(r); err != nil {
		c.errors = append(c.errors, err)
		http.Error(w, "", http.StatusBadRequest)
	}
}

func (c *Collector) take(r *http.Request) (err error) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s with %q is not OTLP", r.Method, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var data tracepb.TracesData
	if err := proto.Unmarshal(text, &data); err != nil {
		return err
	}
	for _, about := range data.GetResourceSpans() {
		for _, a := range about.GetResource().GetAttributes() {
			c.resource[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, scope := range about.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return nil
}

// Spans returns what has been received so far.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*tracepb.Span(nil), c.spans...)
}

// Requests returns the requests so far, whose bodies are gone.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*http.Request(nil), c.requests...)
}

// Resource returns an attribute of the process that sent the spans.
func (c *Collector) Resource(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource[key]
}

// Text returns everything that a span says, as one text.
func Text(s *tracepb.Span) string {
	var b strings.Builder
	b.WriteString(s.GetName())
	for _, a := range s.GetAttributes() {
		fmt.Fprintf(&b, " %s=%s", a.GetKey(), Value(s, a.GetKey()))
	}
	return b.String()
}

// Value returns an attribute of a span, "" for none.
func Value(s *tracepb.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			if text := a.GetValue().GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(a.GetValue().GetIntValue())
		}
	}
	return ""
}
