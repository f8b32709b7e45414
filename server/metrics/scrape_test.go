package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// collector counts how many scrapes are under way.
type collector struct {
	underWay, most atomic.Int32
	proceed        chan struct{}
}

func (c *collector) Describe(chan<- *prometheus.Desc) {}

func (c *collector) Collect(chan<- prometheus.Metric) {
	c.most.Store(max(c.most.Load(), c.underWay.Add(1)))
	<-c.proceed
	c.underWay.Add(-1)
}

func TestOneScrapeAtATime(t *testing.T) {
	m := New()
	c := &collector{proceed: make(chan struct{})}
	m.registry.MustRegister(c)
	s := httptest.NewServer(m.Handler())
	defer s.Close()
	var group sync.WaitGroup
	const scrapes = 8
	for range scrapes {
		group.Go(func() {
			response, err := http.Get(s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || !strings.Contains(string(body), "usher_rooms") {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
	for range scrapes {
		c.proceed <- struct{}{}
	}
	group.Wait()
	if most := c.most.Load(); most != 1 {
		t.Errorf("%d scrapes at a time", most)
	}
}
