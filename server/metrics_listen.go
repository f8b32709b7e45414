package server

import (
	"errors"
	"log/slog"
	"net"
	"net/http"

	"usher/server/edge"
)

// maxMetricsSockets bounds the sockets that one address may have at MetricsListen.
const maxMetricsSockets = 16

// metricsServer serves /metrics on a listener of its own. A nil one serves nothing.
type metricsServer struct {
	listeners []net.Listener
	http      *http.Server
}

// openMetrics opens the listener, so that errors are known early. It returns nil if none is
// configured.
func openMetrics(config *Config) (*metricsServer, error) {
	if config.MetricsListen == "" {
		return nil, nil
	}
	listeners, err := listen(config.MetricsListen, listenTCP)
	if err != nil {
		return nil, &ListenError{"metrics-listen", config.MetricsListen, err}
	}
	return &metricsServer{listeners: listeners}, nil
}

// prepare makes the server. It has bounds of its own, so that clients cannot keep the operator out.
func (m *metricsServer) prepare(config *edge.Config) {
	if m == nil {
		return
	}
	var gated func(net.Listener) net.Listener
	m.http, gated = edge.NewMetricsServer(config, maxMetricsSockets)
	for i, listener := range m.listeners {
		m.listeners[i] = gated(listener)
	}
}

// serve serves until close.
func (m *metricsServer) serve(log *slog.Logger) {
	if m == nil {
		return
	}
	log.Info("serving metrics", "listen", addressesOf(m.listeners))
	for _, listener := range m.listeners {
		go func() {
			if err := m.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				log.Error("metrics are no longer served", "error", err)
			}
		}()
	}
}

func (m *metricsServer) close() {
	if m == nil {
		return
	}
	if m.http != nil {
		_ = m.http.Close()
	}
	closeAll(m.listeners) // the server does not know them before it serves
}
