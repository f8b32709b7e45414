package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Watcher is told how an examination goes. Both functions may be nil.
type Watcher struct {
	// Began is called before each step: number counts from 1.
	Began func(step string, number, of int)
	// Found is called with each finding, in the order of the report.
	Found func(Finding)
}

// patience is how long doctor waits for one response.
const patience = 5 * time.Second

// examination is a server being examined, and what is known about it so far.
type examination struct {
	plan    Plan
	target  target
	watcher Watcher
	found   []Finding

	addresses []netip.Addr
	// address is the one that is used: the first that accepts connections.
	address string
	// connected is how long a TCP connection took.
	connected time.Duration
	client    *http.Client
	// proxy is what the server's headers say about the program in front, "" for nothing.
	proxy string
	// plainPort is where a redirect to HTTPS is looked for.
	plainPort string
	// anyOrigin is set if every origin may connect, listed if a list decides.
	anyOrigin, listed bool

	pingInterval time.Duration
	people       []*person
	silence      *silence
}

// step is one part of an examination. run reports whether the following steps have a point.
type step struct {
	name string
	run  func(*examination, context.Context) bool
}

var steps = []step{
	{"names", (*examination).lookUp},
	{"connections", (*examination).connect},
	{"certificate", (*examination).checkCertificate},
	{"server", (*examination).checkServer},
	{"page", (*examination).checkPage},
	{"CORS", (*examination).checkCORS},
	{"WebSocket", (*examination).checkWebSocket},
	{"origins", (*examination).checkOrigins},
	{"frames", (*examination).checkFrames},
	{"room", (*examination).checkRoom},
	{"STUN and TURN", (*examination).checkICE},
	{"leaving", (*examination).checkLeaving},
	{"silence", (*examination).checkSilence},
}

// Run examines a server until it is done or ctx ends. An error means that nothing was examined;
// what is wrong with the server is in the report.
func Run(ctx context.Context, plan Plan, watcher Watcher) (*Report, error) {
	target, err := plan.check()
	if err != nil {
		return nil, err
	}
	if plan.Resolver == nil {
		plan.Resolver = net.DefaultResolver
	}
	e := &examination{plan: plan, target: target, watcher: watcher, plainPort: "80"}
	return e.run(ctx), nil
}

func (e *examination) run(ctx context.Context) *Report {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.client = &http.Client{
		Transport: &http.Transport{DialContext: e.dial, TLSClientConfig: e.tlsConfig(), ResponseHeaderTimeout: patience},
		// Whoever opens a WebSocket does not follow a redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer e.client.CloseIdleConnections()
	for i, s := range steps {
		if e.watcher.Began != nil {
			e.watcher.Began(s.name, i+1, len(steps))
		}
		goOn := s.run(e, ctx)
		if ctx.Err() != nil {
			e.report(failure("deadline", "give it more time: --timeout", "the examination was stopped at %s", s.name))
			break
		}
		if !goOn {
			break
		}
	}
	e.leave()
	return &Report{URL: e.plan.URL, Grade: worst(e.found), Seconds: time.Since(began).Seconds(), Findings: e.found}
}

func (e *examination) report(f Finding) {
	e.found = append(e.found, f)
	if e.watcher.Found != nil {
		e.watcher.Found(f)
	}
}

// dial opens a connection to the address that is examined, whatever name is asked for.
func (e *examination) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return new(net.Dialer).DialContext(ctx, "tcp", e.address)
}

// tlsConfig verifies nothing: checkCertificate has, and says what is wrong.
func (e *examination) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: e.target.host, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
}

// together calls f for each number below n at once, and waits.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
