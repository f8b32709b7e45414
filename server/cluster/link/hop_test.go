//go:build unix

package link_test

import (
	"crypto/tls"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/servertest"
)

// BenchmarkHop measures how long a frame of 1.2 KB takes to its room and back, and what CPU time a
// hop costs, at 2 000 and 10 000 frames a second, with no rooms or sockets but the test's own.
// ns/op is the pace and means nothing.
func BenchmarkHop(b *testing.B) {
	for name, nodes := range map[string]func(*testing.B, *hall) *link.Links{
		"memory": func(b *testing.B, guests *hall) *link.Links {
			network := linktest.NewNetwork(nil)
			b.Cleanup(network.Close)
			guests.links = newNode(b, network, "owner", guests)
			return newNode(b, network, "near", nil)
		},
		"nats-in-process": func(b *testing.B, guests *hall) *link.Links {
			s := newBroker(b)
			_, near := pair(b, s, guests, nats.InProcessServer(s))
			return near
		},
		// As in a cluster: each node is in its server's process, and TLS is between the servers.
		"nats-routed": func(b *testing.B, guests *hall) *link.Links {
			own, other := newRouted(b)
			owner := startNode(b, connect(b, own, nats.InProcessServer(own)), link.Incarnation{ID: "owner", Nonce: 1}, guests)
			guests.links = owner
			return startNode(b, connect(b, other, nats.InProcessServer(other)), link.Incarnation{ID: "near", Nonce: 1}, nil)
		},
		// As in a cluster by default.
		"direct": func(b *testing.B, guests *hall) *link.Links {
			s := newBroker(b)
			own, other := openDirect(b, s, nil, discarded, nil), openDirect(b, s, nil, discarded, nil)
			owner := startNode(b, own, link.Incarnation{ID: "owner", Nonce: 1}, guests)
			guests.links = owner
			near := startNode(b, other, link.Incarnation{ID: "near", Nonce: 1}, nil)
			near.Describe(b.Context(), "hall-1") // opens the links
			for own.Connected() == 0 || other.Connected() == 0 {
				time.Sleep(time.Millisecond)
			}
			return near
		},
		"nats-loopback": func(b *testing.B, guests *hall) *link.Links {
			_, near := pair(b, newBroker(b), guests)
			return near
		},
	} {
		for rate, every := range map[string]time.Duration{"2000": 500 * time.Microsecond, "10000": 100 * time.Microsecond} {
			b.Run(name+"/"+rate, func(b *testing.B) {
				guests := &hall{forgets: true}
				c := openAt(b, nodes(b, guests))
				c.forgets = true
				hop(b, c, every)
			})
		}
	}
}

// newRouted starts two NATS servers with a route between them.
func newRouted(b *testing.B) (first, second *server.Server) {
	between := clusterTLS(b)
	between.MinVersion = tls.VersionTLS13
	start := func(name string, routes ...*url.URL) *server.Server {
		s, err := server.NewServer(&server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 2 << 20, Routes: routes,
			Cluster: server.ClusterOpts{
				Name: "hops", Host: "127.0.0.1", Port: server.RANDOM_PORT, Compression: server.CompressionOpts{Mode: server.CompressionOff},
				TLSConfig: between,
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		go s.Start()
		b.Cleanup(s.Shutdown)
		if !s.ReadyForConnections(servertest.Patience) {
			b.Fatal("the NATS server does not start")
		}
		return s
	}
	first = start("first")
	second = start("second", &url.URL{Scheme: "nats-route", Host: first.ClusterAddr().String()})
	for first.NumRoutes() == 0 || second.NumRoutes() == 0 {
		time.Sleep(time.Millisecond)
	}
	return first, second
}

// hop sends a frame in each interval and reports on their ways back.
func hop(b *testing.B, c *client, every time.Duration) {
	sent, took := make(chan time.Time, b.N+1), make([]time.Duration, 0, b.N)
	done := make(chan struct{})
	c.onSend = func([]byte) {
		if took = append(took, time.Since(<-sent)); len(took) == b.N {
			close(done)
		}
	}
	frame := strings.Repeat("x", 1200)
	cpu := cpuTime()
	next := time.Now()
	b.ResetTimer()
	for range b.N {
		if next = next.Add(every); time.Until(next) > 0 {
			time.Sleep(time.Until(next))
		}
		sent <- time.Now()
		c.say(frame)
	}
	<-done
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(2*b.N), "µs-cpu/hop")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50/2hops")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99/2hops")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
