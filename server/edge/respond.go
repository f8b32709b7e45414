package edge

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"usher/protocol"
)

// errorBody is an error over HTTP: the ERROR message and the request's id.
type errorBody struct {
	Type      string        `json:"type"`
	Code      protocol.Code `json:"code"`
	Error     string        `json:"error"`
	Details   string        `json:"details,omitempty"`
	Retryable bool          `json:"retryable"`
	Timestamp int64         `json:"timestamp"`
	RequestID string        `json:"requestId,omitempty"`
}

// writeError responds with an error. code must have an HTTP status; details may be "" and must not
// repeat more than 64 bytes of the client's.
func writeError(w http.ResponseWriter, r *http.Request, code protocol.Code, details string) {
	refusal := code.Lookup()
	if refusal.Status == 0 {
		panic("server: " + string(code) + " has no HTTP status")
	}
	h := w.Header()
	// A handler may have set these for the response that it could not complete.
	for _, name := range []string{"Content-Encoding", "Content-Range", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	switch refusal.Status {
	case http.StatusUpgradeRequired: // RFC 9110, section 15.5.22
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", retryAfter)
		}
	}
	writeJSON(w, refusal.Status, errorBody{
		Type: "ERROR", Code: code, Error: refusal.Error, Details: details, Retryable: refusal.Retryable,
		Timestamp: time.Now().UnixMilli(), RequestID: requestID(r),
	})
}

// writeJSON responds with a value that encodes as JSON. No response of this server is worth
// caching.
func writeJSON(w http.ResponseWriter, status int, value any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("server: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client may have gone
}
