package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Context says which span a new one is part of. Nil is for none: the new one begins a trace.
type Context struct{ of trace.SpanContext }

// Span is something that takes time. The zero value is none, and its methods do nothing.
type Span struct{ s trace.Span }

// Kind is the side of a span.
type Kind = trace.SpanKind

// The kinds.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer
)

// Begin begins a span. A nil Tracer returns none.
func (t *Tracer) Begin(parent *Context, kind Kind, name string) Span {
	if t == nil {
		return Span{}
	}
	return t.BeginAt(parent, kind, name, time.Now())
}

// BeginAt is Begin for what has begun before.
func (t *Tracer) BeginAt(parent *Context, kind Kind, name string, at time.Time) Span {
	if t == nil {
		return Span{}
	}
	ctx := context.Background()
	if parent != nil {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent.of)
	}
	_, s := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(at))
	return Span{s}
}

// Exists reports whether there is a span.
func (s Span) Exists() bool { return s.s != nil }

// Context returns what makes another span a part of this one, nil for none.
func (s Span) Context() *Context {
	if s.s == nil {
		return nil
	}
	return &Context{s.s.SpanContext()}
}

// Name gives the span another name than it began with.
func (s Span) Name(name string) {
	if s.s != nil {
		s.s.SetName(name)
	}
}

// Text adds an attribute. The value must not identify anybody.
func (s Span) Text(key, value string) {
	if s.s != nil {
		s.s.SetAttributes(attribute.String(key, value))
	}
}

// Number is Text for a number.
func (s Span) Number(key string, value int) {
	if s.s != nil {
		s.s.SetAttributes(attribute.Int(key, value))
	}
}

// Fail marks the span as failed, for a reason that is one of few.
func (s Span) Fail(reason string) {
	if s.s != nil {
		s.s.SetAttributes(attribute.String("error.type", reason))
		s.s.SetStatus(codes.Error, "")
	}
}

// End ends the span. It is sent some time later.
func (s Span) End() {
	if s.s != nil {
		s.s.End()
	}
}
