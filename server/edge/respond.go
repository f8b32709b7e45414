package edge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"usher/protocol"
)

// retryAfter is how long 429 and 503 ask clients to wait, in seconds.
const retryAfter = "2"

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

// WriteError responds with an error. code must have an HTTP status; details may be "" and must not
// repeat more than 64 bytes of the client's.
func WriteError(w http.ResponseWriter, r *http.Request, code protocol.Code, details string) {
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
	WriteJSON(w, refusal.Status, errorBody{
		Type: "ERROR", Code: code, Error: refusal.Error, Details: details, Retryable: refusal.Retryable,
		Timestamp: time.Now().UnixMilli(), RequestID: requestID(r),
	})
}

// WriteJSON responds with a value that encodes as JSON. No response of this server is worth
// caching.
func WriteJSON(w http.ResponseWriter, status int, value any) {
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

// recorded is a response that was made before net/http has read the request, which then sends it.
type recorded struct {
	header http.Header
	status int
	body   []byte
	sent   bool
}

type recordedKey struct{}

// Header implements http.ResponseWriter.
func (a *recorded) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *recorded) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *recorded) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// sendRecorded sends the response to the first request of a socket if there is one already.
func sendRecorded(w http.ResponseWriter, r *http.Request) bool {
	a, ok := r.Context().Value(recordedKey{}).(*recorded)
	if !ok || a.sent {
		return false
	}
	maps.Copy(w.Header(), a.header)
	if r.ContentLength != 0 {
		unawaited(w)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = w.Write(a.body)    // the client may have gone
	*a = recorded{sent: true} // the socket may stay
	return true
}

// response records the status of a response. It implements http.Hijacker because WebSocket
// libraries assert it, and Unwrap for http.ResponseController.
type response struct {
	http.ResponseWriter
	pattern  string // of the route, "" if none matched
	status   int
	hijacked io.Closer
	// hasBody is set if the request has one, which is read only if the request is not refused.
	hasBody bool
}

func (a *response) WriteHeader(status int) {
	if a.hasBody && status >= http.StatusBadRequest {
		unawaited(a)
	}
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *response) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

func (a *response) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.status, a.hijacked = http.StatusSwitchingProtocols, conn
	}
	return conn, buffered, err
}
