// Package servertest has what the tests of several packages of the server need.
package servertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"usher/protocol"
)

// Patience is how long a test waits for what must come. Nothing waits that long but a failure, and
// on a busy machine with the race detector some of it takes more than a minute.
const Patience = 3 * time.Minute

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
	wantError(t, response, body, code)
	if response.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%s: headers %v", code, response.Header)
	}
}

// WantOperatorError is WantError for what no page of another origin may read.
func WantOperatorError(t *testing.T, response *http.Response, body string, code protocol.Code) {
	t.Helper()
	wantError(t, response, body, code)
	if response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s: headers %v", code, response.Header)
	}
}

func wantError(t *testing.T, response *http.Response, body string, code protocol.Code) {
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
	if response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: headers %v", code, response.Header)
	}
}

// FreeAddresses returns addresses of the loopback interface that nobody listens on.
func FreeAddresses(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for tries := 0; len(addresses) < n; {
		// Below the ports that the system chooses from for port 0 and for outgoing connections: it
		// could give one of these to somebody else before the test uses it.
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+rand.IntN(12_000)))
		if tries++; err != nil && tries < 1000 {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when all are known
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// Run runs a server until the test has ended.
func Run(t *testing.T, s interface {
	Run(context.Context) error
	Close() error
}) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-over, s.Close()); err != nil {
			t.Error(err)
		}
	})
}

// Eventually waits until something holds. The longer that takes, the less often it looks, so that a
// look that costs something does not keep a busy machine busy.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); {
		waited := time.Since(began)
		if waited > Patience {
			t.Fatalf("not within %v: %s", Patience, what)
		}
		time.Sleep(max(time.Millisecond, min(waited/20, 50*time.Millisecond)))
	}
}
