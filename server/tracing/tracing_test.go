package tracing

import (
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"usher/server/metrics"
	"usher/server/tracing/tracingtest"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func open(t *testing.T, c Config) (*Tracer, *metrics.Spans) {
	t.Helper()
	counts := metrics.New().ShowSpans()
	tracer, err := Open(c, counts, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tracer, counts
}

// to is the configuration for a collector.
func to(t *testing.T, c *tracingtest.Collector, environment map[string]string) Config {
	t.Helper()
	config, err := ConfigOf(c.URL, func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// A collector gets each span with its parent, its times and its attributes.
func TestSpansReachACollector(t *testing.T) {
	for _, compression := range []string{"gzip", "none"} {
		collector := tracingtest.Start(t)
		tracer, counts := open(t, to(t, collector, map[string]string{
			"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b", "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
		}))
		outer := tracer.Begin(ParseParent(parent), Server, "outer")
		outer.Text("text", "value")
		outer.Number("number", 7)
		inner := tracer.Begin(outer.Context(), Internal, "inner")
		inner.Fail("REASON")
		inner.End()
		outer.Name("renamed")
		outer.End()
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		spans := collector.Spans()
		if len(spans) != 2 || counts.Sent.Load() != 2 || counts.Lost.Load() != 0 {
			t.Fatalf("%d spans, %d sent, %d lost", len(spans), counts.Sent.Load(), counts.Lost.Load())
		}
		in, out := spans[0], spans[1]
		if out.GetName() != "renamed" || tracingtest.Value(out, "text") != "value" || tracingtest.Value(out, "number") != "7" ||
			out.GetStartTimeUnixNano() > out.GetEndTimeUnixNano() {
			t.Error(out)
		}
		if hex.EncodeToString(out.GetTraceId()) != parent[3:35] || hex.EncodeToString(out.GetParentSpanId()) != parent[36:52] {
			t.Error("the client's trace does not go on", out)
		}
		if !slices.Equal(in.GetParentSpanId(), out.GetSpanId()) || in.GetStatus().GetCode() != 2 || tracingtest.Value(in, "error.type") != "REASON" {
			t.Error(in)
		}
		if name := collector.Resource("service.name"); name != "usher" {
			t.Errorf("the service is %q", name)
		}
		request := collector.Requests()[0]
		if request.URL.Path != "/v1/traces" || request.Header.Get("Api-Key") != "a b" || (request.Header.Get("Content-Encoding") == "gzip") != (compression == "gzip") {
			t.Error(request.URL, request.Header)
		}
	}
}

// Who did not sample a trace does not get it.
func TestTheClientDecidesWhetherItsTraceIsSampled(t *testing.T) {
	collector := tracingtest.Start(t)
	tracer, _ := open(t, to(t, collector, nil))
	tracer.Begin(ParseParent(parent[:53]+"00"), Server, "unsampled").End()
	_ = tracer.Close()
	if spans := collector.Spans(); len(spans) != 0 {
		t.Error(spans)
	}
}

// What the collector cannot take now is sent again; what it does not want is counted as lost.
func TestWhatTheCollectorRefusesIsTriedAgainOrCounted(t *testing.T) {
	partial := protowire.AppendTag(nil, fieldPartialSuccess, protowire.BytesType)
	partial = protowire.AppendBytes(partial, protowire.AppendVarint(protowire.AppendTag(nil, fieldRejectedSpans, protowire.VarintType), 1))
	for _, test := range []struct {
		name                 string
		status               int
		body                 []byte
		once                 bool
		requests, sent, lost int
	}{
		{"busy", http.StatusServiceUnavailable, nil, true, 2, 2, 0},
		{"unwanted", http.StatusBadRequest, nil, false, 1, 0, 2},
		{"moved", http.StatusTemporaryRedirect, nil, false, 1, 0, 2},
		{"partly", http.StatusOK, partial, false, 1, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			collector := tracingtest.Start(t)
			replies := 0
			collector.Reply = func(w http.ResponseWriter, _ *http.Request) bool {
				if replies++; replies > 1 && test.once {
					return false
				}
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(test.status)
				_, _ = w.Write(test.body)
				return true
			}
			tracer, counts := open(t, to(t, collector, nil))
			tracer.Begin(nil, Internal, "one").End()
			tracer.Begin(nil, Internal, "two").End()
			_ = tracer.Close()
			if requests := len(collector.Requests()); requests != test.requests {
				t.Errorf("%d requests", requests)
			}
			if sent, lost := counts.Sent.Load(), counts.Lost.Load(); sent != uint64(test.sent) || lost != uint64(test.lost) {
				t.Errorf("%d sent and %d lost", sent, lost)
			}
		})
	}
}

// Without a collector there is no tracer, and what it would do costs nothing.
func TestTracingIsFreeWhenOff(t *testing.T) {
	tracer, err := Open(Config{}, nil, nil)
	if tracer != nil || err != nil {
		t.Fatal(tracer, err)
	}
	if n := testing.AllocsPerRun(100, func() {
		s := tracer.BeginAt(nil, Server, "GET", time.Time{})
		s.Text("key", "value")
		s.Number("key", 200)
		inner := tracer.Begin(s.Context(), Internal, "inner")
		inner.Fail("REASON")
		inner.End()
		s.Name("name")
		s.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
}

// What is no traceparent is nobody's trace.
func TestParentsAreChecked(t *testing.T) {
	for _, good := range []string{parent, parent[:53] + "00", parent[:53] + "ff", "01" + parent[2:], "cc" + parent[2:] + "-what-comes-later"} {
		c := ParseParent(good)
		if c == nil || c.of.TraceID().String() != parent[3:35] || c.of.SpanID().String() != parent[36:52] || c.of.IsSampled() != (good[54] != '0') {
			t.Errorf("%s is %v", good, c)
		}
	}
	for _, bad := range []string{
		"", "00", parent[:54], parent + "-", parent + "0", "01" + parent[2:] + ".", "ff" + parent[2:], strings.ToUpper(parent),
		"00-" + strings.Repeat("0", 32) + parent[35:], parent[:36] + strings.Repeat("0", 16) + parent[52:],
		strings.Replace(parent, "a", "g", 1), strings.ReplaceAll(parent, "-", "_"), "0" + parent[:54],
	} {
		if c := ParseParent(bad); c != nil {
			t.Errorf("%q is %v", bad, c)
		}
	}
}

func FuzzParseParent(f *testing.F) {
	f.Add(parent)
	f.Fuzz(func(t *testing.T, text string) {
		if c := ParseParent(text); c != nil && (!c.of.IsValid() || !strings.HasPrefix(text[3:], c.of.TraceID().String()+"-"+c.of.SpanID().String())) {
			t.Errorf("%q is %v", text, c)
		}
	})
}

// A collector's reply is anybody's bytes.
func FuzzRejected(f *testing.F) {
	f.Add([]byte{10, 2, 8, 1})
	f.Fuzz(func(_ *testing.T, reply []byte) { rejectedOf(reply) })
}

func TestAContextCrossesNodes(t *testing.T) {
	for _, text := range []string{parent, parent[:53] + "00"} {
		want := ParseParent(text)
		b := want.Append(nil)
		if got := DecodeContext(b); got == nil || !got.of.Equal(want.of) {
			t.Errorf("%s is decoded as %+v", text, got)
		}
		if got := DecodeContext(append(b, 1, 2)); got == nil || !got.of.Equal(want.of) {
			t.Errorf("with what a later version adds %s is decoded as %+v", text, got)
		}
		for n := range b {
			if DecodeContext(b[:n]) != nil {
				t.Errorf("%d bytes are decoded", n)
			}
		}
	}
	if DecodeContext(make([]byte, contextBytes)) != nil {
		t.Error("no ids are decoded")
	}
}
