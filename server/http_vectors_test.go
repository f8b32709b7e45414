package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"usher/protocol"

	"usher/server"
)

// httpVector is a row of protocol/testdata/http.json, which worker/test/http.test.ts replays as
// well.
type httpVector struct {
	Name, Method, Path string
	Headers            map[string]string
	// Origins is the list of allowed origins; "" is "*".
	Origins  string
	Response struct {
		Status int
		// Headers are those that matter; null is for one that must be missing.
		Headers map[string]*string
		// Body has the fields that matter, nil if nothing does.
		Body map[string]any
	}
}

func TestHTTPVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../protocol/testdata/http.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []httpVector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	servers := map[string]string{}
	for _, v := range vectors {
		if servers[v.Origins] == "" {
			servers[v.Origins] = runServer(t, v.Origins)
		}
		t.Run(v.Name, func(t *testing.T) { replay(t, servers[v.Origins], &v) })
	}
}

// runServer runs a server until the test ends, and returns its address.
func runServer(t *testing.T, origins string) string {
	t.Helper()
	config := server.DefaultConfig()
	config.Listen, config.DataDir = "127.0.0.1:0", t.TempDir()
	config.Log = slog.New(slog.DiscardHandler)
	config.DrainSpread = 0
	if origins != "" {
		config.AllowOrigins = strings.Split(strings.ReplaceAll(origins, " ", ""), ",")
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

func replay(t *testing.T, address string, v *httpVector) {
	request, err := http.NewRequest(v.Method, "http://"+address+v.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range v.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != v.Response.Status {
		t.Fatalf("status %d, want %d", response.StatusCode, v.Response.Status)
	}
	for name, want := range v.Response.Headers {
		got, found := response.Header[http.CanonicalHeaderKey(name)]
		if want == nil && found || want != nil && strings.Join(got, ", ") != *want {
			t.Errorf("%s: %q, want %v", name, got, want)
		}
	}
	if v.Response.Status == http.StatusSwitchingProtocols {
		return
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v.Response.Body == nil {
		if len(body) > 0 {
			t.Errorf("body %q, want none", body)
		}
		return
	}
	var got map[string]any
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&got); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	for name, want := range v.Response.Body {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if code, ok := v.Response.Body["code"].(string); ok {
		if got["error"] != protocol.Code(code).Lookup().Error || got["requestId"] != response.Header.Get("X-Request-Id") {
			t.Errorf("error %v", got)
		}
	}
}
