package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

func TestMetricsHaveAListenerOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MetricsListen = "127.0.0.1:0" })
	s.pair("aside-1")
	response, body := s.ask("GET", "/metrics")
	servertest.WantError(t, response, body, protocol.CodeNotFound)
	aside := s.metricsAside.listeners[0].Addr().String()
	get := func(path string) (int, string) {
		t.Helper()
		response, err := http.Get("http://" + aside + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	if status, text := get("/metrics"); status != http.StatusOK || !strings.Contains(text, "\nusher_participants 2\n") {
		t.Errorf("%d %s", status, text)
	}
	for _, path := range []string{"/", "/health", "/ws?roomId=aside-1"} {
		if status, _ := get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for range 4 * maxMetricsSockets {
		socket, err := net.Dial("tcp", aside)
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
	}
	if status, _ := get("/metrics"); status != http.StatusOK {
		t.Error("sockets keep the operator out")
	}

	config := s.config
	config.DataDir, config.Listen, config.MetricsListen = t.TempDir(), "127.0.0.1:0", aside
	var refused *ListenError
	if _, err := New(config); !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &refused) || refused.Setting != "metrics-listen" {
		t.Errorf("a second server there: %v", err)
	}
	s.stop()
	if socket, err := net.Dial("tcp", aside); err == nil {
		socket.Close()
		t.Error("it goes on after the drain")
	}
}

// The metrics are the operator's, whose browser may look at other pages.
func TestNoPageOfAnotherOriginReadsMetrics(t *testing.T) {
	t.Parallel()
	same, apart := serve(t, nil), serve(t, func(c *Config) { c.MetricsListen = "127.0.0.1:0" })
	for _, url := range []string{same.url("/metrics"), "http://" + apart.metricsAside.listeners[0].Addr().String() + "/metrics"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			request, err := http.NewRequest(method, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Origin", "https://evil.test")
			response, err := same.web.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s", method, url, name)
				}
			}
		}
	}
}

// With off, nothing is served and no times are taken.
func TestMetricsCanBeOff(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MetricsListen = MetricsOff })
	s.pair("untimed-1")
	response, body := s.ask("GET", "/metrics")
	servertest.WantError(t, response, body, protocol.CodeNotFound)
	if s.metricsAside != nil || s.metrics.Flow(0) != nil || s.metrics.Ns() != 0 {
		t.Error("times are taken for nobody")
	}
}
