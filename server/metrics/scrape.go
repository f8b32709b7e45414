package metrics

import (
	"bytes"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers GET /metrics. One scrape is put together at a time, and sent when the next may
// be.
func (m *Metrics) Handler() http.Handler {
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	underWay := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case underWay <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		page := &heldResponse{header: w.Header()}
		func() {
			defer func() { <-underWay }()
			scrape.ServeHTTP(page, r)
		}()
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(max(page.status, http.StatusOK))
		_, _ = w.Write(page.body.Bytes()) // the client may be gone
	})
}

// heldResponse keeps a response to be sent later.
type heldResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *heldResponse) Header() http.Header         { return r.header }
func (r *heldResponse) WriteHeader(status int)      { r.status = status }
func (r *heldResponse) Write(b []byte) (int, error) { return r.body.Write(b) }
