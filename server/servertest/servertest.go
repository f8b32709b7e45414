// Package servertest has what the tests of several packages of the server need.
package servertest

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"usher/protocol"
)

// Patience is how long a test waits for what must come. Nothing waits that long but a failure.
const Patience = 20 * time.Second

// LogBuffer is a log that tests read while a server writes it.
type LogBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *LogBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what has been written.
func (b *LogBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Reset forgets it.
func (b *LogBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// WantError fails unless the response is the JSON error of a code.
func WantError(t *testing.T, response *http.Response, body string, code protocol.Code) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%s: %v in %q", code, err, body)
	}
	row := code.Lookup()
	if response.StatusCode != row.Status || got["type"] != "ERROR" || got["code"] != string(code) || got["error"] != row.Error ||
		got["retryable"] != row.Retryable || got["timestamp"].(float64) < 1e12 ||
		got["requestId"] != response.Header.Get("X-Request-Id") || got["requestId"] == "" {
		t.Fatalf("want %s, got %d %s", code, response.StatusCode, body)
	}
	if response.Header.Get("Access-Control-Allow-Origin") == "" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: headers %v", code, response.Header)
	}
}

// FreeAddresses returns addresses of the loopback interface that nobody listens on.
func FreeAddresses(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when all are known
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// Eventually waits until something holds.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(began) > Patience {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}
