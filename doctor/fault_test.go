package doctor

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/server"
	"usher/server/servertest"
	"usher/server/turn"
)

// fault is something wrong, and the finding that names it.
type fault struct {
	plan  func(t *testing.T) Plan
	check string
	grade Grade
	found string
	do    string
	// more are further checks that may fail with it.
	more []string
}

func (f fault) test(t *testing.T) {
	t.Parallel()
	report := examine(t, f.plan(t))
	named := report.find(f.check, f.grade, f.found)
	if named == nil || !strings.Contains(named.Do, f.do) {
		t.Fatalf("want %s %s: …%s…, and to do …%s… in\n%v", f.grade, f.check, f.found, f.do, report)
	}
	for _, other := range report.Findings {
		if other.Grade != OK && other.Check != f.check && !strings.Contains(strings.Join(f.more, " "), other.Check) {
			t.Errorf("a fault that nobody has planted: %s: %s", other.Check, other.Found)
		}
		if other.Grade != OK && other.Do == "" {
			t.Errorf("%s says nothing to do", other.Check)
		}
	}
}

func TestFaultsOfNamesAndCertificates(t *testing.T) {
	t.Parallel()
	certified := func(issue func(a *authority) tls.Certificate) func(*testing.T) Plan {
		return func(t *testing.T) Plan {
			a := newAuthority(t)
			url := secure(t, behind(t, serve(t, relays), nil), issue(a))
			return Plan{URL: url, Authorities: a.pool, Resolver: nameServer(t)}
		}
	}
	later := time.Now().Add(90 * 24 * time.Hour)
	for name, f := range map[string]fault{
		"a certificate that has expired": {plan: certified(func(a *authority) tls.Certificate { return a.issue("usher.test", time.Now().Add(-time.Hour)) }),
			check: "certificate.dates", grade: Fail, found: "expired on", do: "renew it"},
		"a certificate that expires soon": {plan: certified(func(a *authority) tls.Certificate { return a.issue("usher.test", time.Now().Add(13*24*time.Hour)) }),
			check: "certificate.dates", grade: Warn, found: "in 12 days", do: "renew it"},
		"a certificate for another name": {plan: certified(func(a *authority) tls.Certificate { return a.issue("other.test", later) }),
			check: "certificate.name", grade: Fail, found: "for other.test, not for usher.test", do: "usher.test"},
		"a chain that nobody trusts": {plan: certified(func(a *authority) tls.Certificate { return newAuthority(a.t).issue("usher.test", later) }),
			check: "certificate.chain", grade: Fail, found: `"Test authority", which is neither trusted nor sent`, do: "whole chain"},
		"an authority that nobody trusts": {plan: certified(func(a *authority) tls.Certificate {
			other := newAuthority(a.t)
			chain := other.issue("usher.test", later)
			chain.Certificate = append(chain.Certificate, other.cert.Raw)
			return chain
		}), check: "certificate.chain", grade: Fail, found: "which is not trusted", do: "--ca"},
		"a self-signed certificate": {plan: certified(func(a *authority) tls.Certificate { return selfSigned(a.t, "usher.test") }),
			check: "certificate.chain", grade: Fail, found: "self-signed", do: "--tls-domain"},
		"a name that does not exist": {plan: func(t *testing.T) Plan { return Plan{URL: "https://gone.test", Resolver: nameServer(t)} },
			check: "dns", grade: Fail, found: "gone.test does not resolve", do: "A or AAAA record"},
		"a port that refuses": {plan: func(t *testing.T) Plan { return Plan{URL: "http://" + servertest.FreeAddresses(t, 1)[0]} },
			check: "connect", grade: Fail, found: "refuses connections", do: "is the server up"},
		"no TLS": {plan: func(t *testing.T) Plan { return Plan{URL: strings.Replace(serve(t, nil), "http", "https", 1)} },
			check: "tls", grade: Fail, found: "does not speak TLS", do: "http://"},
		"TLS unasked": {plan: func(t *testing.T) Plan {
			url := secure(t, http.NotFoundHandler(), newAuthority(t).issue("usher.test", later))
			return Plan{URL: strings.Replace(url, "https", "http", 1), Resolver: nameServer(t)}
		}, check: "server", grade: Fail, found: "speaks TLS", do: "https://", more: []string{"tls"}},
	} {
		t.Run(name, f.test)
	}
}

func TestFaultsOfProxies(t *testing.T) {
	t.Parallel()
	bent := func(bend func(*httputil.ReverseProxy)) func(*testing.T) Plan {
		return func(t *testing.T) Plan { return Plan{URL: plain(t, behind(t, serve(t, nil), bend))} }
	}
	asks := func(change func(*httputil.ProxyRequest)) func(*httputil.ReverseProxy) {
		return func(p *httputil.ReverseProxy) {
			inner := p.Rewrite
			p.Rewrite = func(r *httputil.ProxyRequest) { inner(r); change(r) }
		}
	}
	says := func(change func(*http.Response) error) func(*httputil.ReverseProxy) {
		return func(p *httputil.ReverseProxy) { p.ModifyResponse = change }
	}
	for name, f := range map[string]fault{
		"a proxy that drops Upgrade": {plan: bent(asks(func(r *httputil.ProxyRequest) { r.Out.Header.Del("Upgrade"); r.Out.Header.Del("Connection") })),
			check: "websocket", grade: Fail, found: "drops Upgrade or Connection", do: "pass the handshake on"},
		"a proxy that drops only Connection": {plan: bent(asks(func(r *httputil.ProxyRequest) { r.Out.Header.Set("Connection", "close") })),
			check: "websocket", grade: Fail, found: "Connection: Upgrade is missing", do: "pass the handshake on"},
		"a proxy that drops Sec-WebSocket-Key": {plan: bent(asks(func(r *httputil.ProxyRequest) { r.Out.Header.Del("Sec-WebSocket-Key") })),
			check: "websocket", grade: Fail, found: "there must be one Sec-WebSocket-Key", do: "pass the handshake on"},
		"a proxy that reaches nobody": {plan: func(t *testing.T) Plan {
			return Plan{URL: plain(t, behind(t, "http://"+servertest.FreeAddresses(t, 1)[0], nil))}
		},
			check: "server", grade: Fail, found: "502", do: "is usher running"},
		"no CORS": {plan: bent(says(func(r *http.Response) error { r.Header.Del("Access-Control-Allow-Origin"); return nil })),
			check: "cors", grade: Fail, found: "no Access-Control-Allow-Origin", do: "usher sets them"},
		"CORS twice": {plan: bent(says(func(r *http.Response) error { r.Header.Add("Access-Control-Allow-Origin", "*"); return nil })),
			check: "cors", grade: Fail, found: "comes 2 times", do: "none of its own"},
		"a clock that is 5 min off": {plan: bent(says(aheadBy(5 * time.Minute))),
			check: "clock", grade: Warn, found: "is 5m0s ahead of this machine's", do: "NTP"},
		"an origin that is not on the list": {plan: func(t *testing.T) Plan {
			url := serve(t, func(c *server.Config) { c.AllowOrigins = []string{"https://good.example"} })
			return Plan{URL: url, Origin: "https://bad.example"}
		}, check: "origin", grade: Fail, found: "pages of https://bad.example may not connect", do: "--allow-origin https://bad.example"},
		"the server's own page is not on the list": {plan: func(t *testing.T) Plan {
			return Plan{URL: serve(t, func(c *server.Config) { c.AllowOrigins = []string{"https://good.example"} })}
		}, check: "origin", grade: Warn, found: "may not connect", do: "--origin"},
		"a proxy that drops Origin": {plan: func(t *testing.T) Plan {
			url := serve(t, func(c *server.Config) { c.AllowOrigins = []string{"https://good.example"} })
			return Plan{URL: plain(t, behind(t, url, asks(func(r *httputil.ProxyRequest) {
				if r.In.Header.Get("Upgrade") != "" {
					r.Out.Header.Del("Origin")
				}
			}))), Origin: "https://good.example"}
		}, check: "origin", grade: Fail, found: "drops Origin", do: "pass the header on"},
		"a plain HTTP server": {plan: func(t *testing.T) Plan { return Plan{URL: plain(t, http.FileServer(http.Dir(t.TempDir())))} },
			check: "server", grade: Fail, found: "is not usher", do: "is this its address"},
		"a redirect": {plan: func(t *testing.T) Plan {
			return Plan{URL: plain(t, http.RedirectHandler("https://usher.example.org/", http.StatusMovedPermanently))}
		}, check: "server", grade: Fail, found: "redirects to https://usher.example.org/", do: "use the address"},
		"a proxy that collects frames for a while": {plan: func(t *testing.T) Plan { return Plan{URL: pipe(t, serve(t, nil), flushEvery(600*time.Millisecond))} },
			check: "frames", grade: Fail, found: "holds frames back", do: "buffering off"},
		"a proxy that collects bytes": {plan: func(t *testing.T) Plan { return Plan{URL: pipe(t, serve(t, nil), holdBytes(8<<10))} },
			check: "frames", grade: Fail, found: "until it has enough", do: "buffering off"},
		"a proxy that closes silent sockets": {plan: func(t *testing.T) Plan {
			return Plan{URL: pipe(t, serve(t, nil), closeSilent(time.Second)), Idle: 3 * time.Second}
		},
			check: "idle", grade: Fail, found: "although clients send a PING only every 20s", do: "time-out", more: []string{"room.create room.join room.relay room.resume room.leave"}},
	} {
		t.Run(name, f.test)
	}
}

// aheadBy changes the time in the response of /healthz.
func aheadBy(d time.Duration) func(*http.Response) error {
	return func(r *http.Response) error {
		if r.Request.URL.Path != "/healthz" {
			return nil
		}
		text := fmt.Sprintf(`{"status":"ok","timestamp":%d}`, time.Now().Add(d).UnixMilli())
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Length", strconv.Itoa(len(text)))
		return nil
	}
}

// flushEvery collects what comes, and passes it on now and then.
func flushEvery(d time.Duration) func(io.Writer, io.Reader) {
	return func(to io.Writer, from io.Reader) {
		chunks := make(chan []byte)
		go func() {
			defer close(chunks)
			for {
				chunk := make([]byte, 4096)
				n, err := from.Read(chunk)
				if err != nil {
					return
				}
				chunks <- chunk[:n]
			}
		}()
		var held []byte
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case chunk, ok := <-chunks:
				if !ok {
					_, _ = to.Write(held)
					return
				}
				held = append(held, chunk...)
			case <-tick.C:
				_, _ = to.Write(held)
				held = nil
			}
		}
	}
}

// holdBytes passes frames on when it has enough of them.
func holdBytes(size int) func(io.Writer, io.Reader) {
	return func(to io.Writer, from io.Reader) {
		var held []byte
		chunk, upgraded := make([]byte, 4096), false
		for {
			n, err := from.Read(chunk)
			if err != nil {
				_, _ = to.Write(held)
				return
			}
			held = append(held, chunk[:n]...)
			if !upgraded || len(held) >= size {
				upgraded = upgraded || bytes.Contains(held, []byte("101 Switching"))
				_, _ = to.Write(held)
				held = nil
			}
		}
	}
}

// closeSilent ends a connection on which nothing has come for a while.
func closeSilent(d time.Duration) func(io.Writer, io.Reader) {
	return func(to io.Writer, from io.Reader) {
		chunk := make([]byte, 4096)
		for {
			_ = from.(net.Conn).SetReadDeadline(time.Now().Add(d))
			n, err := from.Read(chunk)
			if err != nil {
				return
			}
			_, _ = to.Write(chunk[:n])
		}
	}
}

// ice is a plan for a server that hands out one URL, with credentials of a secret.
func ice(t *testing.T, text, secret string) Plan {
	t.Helper()
	return Plan{URL: serve(t, func(c *server.Config) {
		c.ICEServers = []turn.ICEServer{{URLs: []string{text}}}
		c.TURNSecret = secret
	})}
}

func TestFaultsOfSTUNAndTURN(t *testing.T) {
	t.Parallel()
	deaf := func(t *testing.T) string {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		return socket.LocalAddr().String()
	}
	other := func(t *testing.T) string {
		var body struct{ ICEServers []turn.ICEServer }
		response, err := http.Get(serve(t, relays) + "/turn-credentials?userId=ann")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(body.ICEServers[0].URLs[0], "stun:")
	}
	secured := func(t *testing.T) string {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t, "127.0.0.1")}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	for name, f := range map[string]fault{
		"TURN with wrong credentials": {plan: func(t *testing.T) Plan { return ice(t, "turn:"+other(t)+"?transport=udp", "another") },
			check: "turn", grade: Fail, found: "refuses the credentials", do: "--turn-secret-file"},
		"TURN over TCP with wrong credentials": {plan: func(t *testing.T) Plan { return ice(t, "turn:"+other(t)+"?transport=tcp", "another") },
			check: "turn", grade: Fail, found: "refuses the credentials", do: "--turn-secret-file"},
		"TURN that does not respond over UDP": {plan: func(t *testing.T) Plan { return ice(t, "turn:"+deaf(t)+"?transport=udp", "north") },
			check: "turn", grade: Fail, found: "does not respond over UDP", do: "/udp open in the firewall"},
		"TURN whose port refuses": {plan: func(t *testing.T) Plan {
			return ice(t, "turn:"+servertest.FreeAddresses(t, 1)[0]+"?transport=tcp", "north")
		},
			check: "turn", grade: Fail, found: "refused", do: "/tcp open in the firewall"},
		"TURN over TLS with a bad certificate": {plan: func(t *testing.T) Plan { return ice(t, "turns:"+secured(t), "north") },
			check: "turn", grade: Fail, found: "its certificate", do: "certificate"},
		"STUN that does not respond": {plan: func(t *testing.T) Plan { return ice(t, "stun:"+deaf(t), "") },
			check: "stun", grade: Fail, found: "does not respond over UDP", do: "firewall"},
		"TURN whose name does not exist": {plan: func(t *testing.T) Plan {
			plan := ice(t, "turn:gone.test", "north")
			plan.Resolver = nameServer(t)
			return plan
		}, check: "turn", grade: Fail, found: "gone.test does not resolve", do: "--ice-server"},
	} {
		t.Run(name, f.test)
	}
}
