package edge

import (
	"net/http"

	"usher/server/tracing"
)

// visit is what the router knows about a request.
type visit struct {
	id   string
	from sender
	span tracing.Span
}

type visitKey struct{}

func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// requestID returns the id of a request that passed the router, otherwise "".
func requestID(r *http.Request) string { return visitOf(r).id }

// senderOf returns where a request that passed the router comes from.
func senderOf(r *http.Request) sender { return visitOf(r).from }

// RequestID returns the id that the log has for a request.
func RequestID(r *http.Request) string { return requestID(r) }
