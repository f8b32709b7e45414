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
	// gated wraps a listener.
	gated func(net.Listener) net.Listener
	http  *http.Server
}

// openMetrics opens the listener, so that errors are known early. It returns nil if none is
// configured.
func openMetrics(config *Config, taken *taken) (*metricsServer, error) {
	switch {
	case config.MetricsListen == "", config.MetricsListen == MetricsOff:
		if taken != nil {
			closeAll(taken.metricsListeners) // or connections to them would wait for nobody
		}
		return nil, nil
	case taken != nil && len(taken.metricsListeners) > 0:
		return &metricsServer{listeners: holdable(taken.metricsListeners)}, nil
	}
	listeners, err := listen(config.MetricsListen, listenTCP)
	if err != nil {
		return nil, &ListenError{"metrics-listen", config.MetricsListen, err}
	}
	return &metricsServer{listeners: holdable(listeners)}, nil
}

// prepare makes the server. It has bounds of its own, so that clients cannot keep the operator out.
func (m *metricsServer) prepare(config *edge.Config) {
	if m == nil {
		return
	}
	m.http, m.gated = edge.NewMetricsServer(config, maxMetricsSockets)
}

// serve serves until close.
func (m *metricsServer) serve(log *slog.Logger) {
	if m == nil {
		return
	}
	log.Info("serving metrics", "listen", addressesOf(m.listeners))
	for _, listener := range m.listeners {
		go func() {
			if err := m.http.Serve(m.gated(listener)); !errors.Is(err, http.ErrServerClosed) {
				log.Error("metrics are no longer served", "error", err)
			}
		}()
	}
}

// all returns the listeners.
func (m *metricsServer) all() []net.Listener {
	if m == nil {
		return nil
	}
	return m.listeners
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
