package tracing

import (
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// parentBytes is the length of a traceparent of version 00.
const parentBytes = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// ParseParent reads a traceparent (W3C Trace Context, section 3.2), and returns nil for what is
// none. Of a later version it reads what version 00 has. Nothing else that a client says of its
// trace is taken over: tracestate and baggage are not read.
func ParseParent(text string) *Context {
	if len(text) < parentBytes || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return nil
	}
	var version, flags [1]byte
	var id trace.TraceID
	var span trace.SpanID
	if !unhex(version[:], text[:2]) || !unhex(id[:], text[3:35]) || !unhex(span[:], text[36:52]) || !unhex(flags[:], text[53:55]) {
		return nil
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(text) != parentBytes, len(text) > parentBytes && text[parentBytes] != '-':
		return nil
	case !id.IsValid() || !span.IsValid():
		return nil
	}
	return &Context{trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags[0]) & trace.FlagsSampled, Remote: true,
	})}
}

// contextBytes is the length of what Append appends: the ids of trace and span, and the flags.
const contextBytes = len(trace.TraceID{}) + len(trace.SpanID{}) + 1

// Append appends the context for another node. c is not nil.
func (c *Context) Append(b []byte) []byte {
	id, span := c.of.TraceID(), c.of.SpanID()
	return append(append(append(b, id[:]...), span[:]...), byte(c.of.TraceFlags()))
}

// DecodeContext reads what Append has appended, and returns nil for what is none. What a later
// version may add is left.
func DecodeContext(b []byte) *Context {
	if len(b) < contextBytes {
		return nil
	}
	var id trace.TraceID
	var span trace.SpanID
	flags := copy(id[:], b)
	flags += copy(span[:], b[flags:])
	if !id.IsValid() || !span.IsValid() {
		return nil
	}
	return &Context{trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(b[flags]) & trace.FlagsSampled, Remote: true,
	})}
}

// unhex decodes lower-case hexadecimal digits.
func unhex(to []byte, text string) bool {
	for _, c := range []byte(text) {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(text))
	return err == nil
}
