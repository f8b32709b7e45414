package doctor

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// response is what a server responded, read to its end.
type response struct {
	*http.Response
	body []byte
	// took is the time from the request to the end of the response.
	began time.Time
	took  time.Duration
}

// said is a response of usher, or a refusal.
type said struct {
	Status    string `json:"status"`
	Timestamp int64  `json:"timestamp"`
	Type      string `json:"type"`
	Code      string `json:"code"`
	Error     string `json:"error"`
	Details   string `json:"details"`
}

func (r *response) read() (s said) {
	if json.Unmarshal(r.body, &s) != nil {
		return said{}
	}
	return s
}

// redirect returns where a redirect leads, "" if the response is none.
func (r *response) redirect() string {
	if r.StatusCode < 300 || r.StatusCode >= 400 {
		return ""
	}
	return printable(r.Header.Get("Location"))
}

// ask sends a request to the server. Headers are names and values in turn.
func (e *examination) ask(ctx context.Context, method, path string, headers ...string) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, e.target.url("http", path), nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return e.do(request)
}

func (e *examination) do(request *http.Request) (*response, error) {
	began := time.Now()
	r, err := e.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	const maxBody = 1 << 20
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	return &response{r, body, began, time.Since(began)}, err
}

// checkServer asks whether an usher responds, whether it is ready, and what time it has there.
func (e *examination) checkServer(ctx context.Context) bool {
	const check = "server"
	r, err := e.ask(ctx, http.MethodGet, "/healthz")
	if err != nil {
		e.report(notHTTP(check, err))
		return false
	}
	e.proxy = proxyIn(r.Header)
	health := r.read()
	behind := ""
	if e.proxy != "" {
		behind = ", behind " + e.proxy
	}
	switch {
	case r.redirect() != "":
		e.report(failure(check, "use the address that it redirects to, here and in clients", "it redirects to %s, which WebSockets do not follow", r.redirect()))
		return false
	case r.StatusCode == http.StatusBadRequest && strings.Contains(string(r.body), "HTTPS"):
		e.report(failure(check, "use https://", "the port speaks TLS"))
		return false
	case r.StatusCode == http.StatusBadGateway || r.StatusCode == http.StatusServiceUnavailable && health.Code == "" || r.StatusCode == http.StatusGatewayTimeout:
		e.report(failure(check, "is usher running, and does the proxy name the address that listen has?", "a proxy responds %s: it does not reach a server", printable(r.Status)))
		return false
	case r.StatusCode != http.StatusOK || health.Status == "" || health.Timestamp == 0:
		e.report(failure(check, "is this its address, port and path?", "what responds is not usher: %s to /healthz", printable(r.Status)))
		return false
	}
	e.report(good(check, "usher responds in %s%s", ms(r.took), behind))
	e.checkReady(ctx)
	e.report(clock(r, health.Timestamp))
	return true
}

func notHTTP(check string, err error) Finding {
	switch text := err.Error(); {
	case strings.Contains(text, "malformed HTTP"):
		return failure(check, "is this the server's port?", "what responds does not speak HTTP")
	case strings.Contains(text, "EOF"), strings.Contains(text, "connection reset"):
		return failure(check, "is this the server's port, and does it speak TLS: https://?", "the connection is closed without a response")
	}
	return failure(check, "is it a server that responds there, and does it have too much to do?", "%v", cause(err))
}

func (e *examination) checkReady(ctx context.Context) {
	const check = "ready"
	r, err := e.ask(ctx, http.MethodGet, "/readyz")
	switch {
	case err != nil:
		e.report(failure(check, "look at the server's log", "%v", cause(err)))
	case r.StatusCode == http.StatusOK:
		e.report(good(check, "new rooms are welcome"))
	default:
		e.report(refusal(check, r))
	}
}

// maxClockDifference is how far two clocks may differ before tokens and TURN credentials suffer.
const maxClockDifference = 20 * time.Second

// clock compares the server's clock with this one, in the middle of the request.
func clock(r *response, serverMs int64) Finding {
	const check = "clock"
	difference := time.UnixMilli(serverMs).Sub(r.began.Add(r.took / 2))
	how := "ahead of"
	if difference < 0 {
		how = "behind"
	}
	if difference.Abs() > maxClockDifference+r.took/2 {
		return warning(check, "set both clocks by NTP: tokens, tickets and TURN credentials expire by them",
			"the server's clock is %v %s this machine's", difference.Abs().Round(time.Second), how)
	}
	return good(check, "the server's clock is within %v of this machine's", max(time.Second, (difference.Abs()+r.took/2).Round(time.Second)))
}

// checkPage asks for the page, and whether plain HTTP redirects to HTTPS.
func (e *examination) checkPage(ctx context.Context) bool {
	const check = "page"
	r, err := e.ask(ctx, http.MethodGet, "/")
	switch {
	case err != nil:
		e.report(failure(check, "look at the log of the server, and of the proxy", "%v", cause(err)))
	case r.redirect() != "":
		e.report(warning(check, "give people that address", "the page is at %s", r.redirect()))
	case r.StatusCode == http.StatusNotFound && r.read().Code == "NOT_FOUND":
		e.report(good(check, "none is served (--page false)"))
	case r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html"):
		e.report(warning(check, "does the proxy pass / on?", "no page: %s", printable(r.Status)))
	default:
		e.report(good(check, "served"))
	}
	if e.target.secure && (e.target.port == "443" || e.plainPort != "80") {
		e.checkRedirect(ctx)
	}
	return true
}

func (e *examination) checkRedirect(ctx context.Context) {
	const check = "redirect"
	host, _, _ := net.SplitHostPort(e.address)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, e.plainPort))
	}}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.target.host+e.target.prefix+"/", nil)
	if err != nil {
		return // an IPv6 address without brackets: nobody types it
	}
	r, err := (&http.Client{Transport: transport, CheckRedirect: e.client.CheckRedirect}).Do(request)
	if err != nil {
		e.report(good(check, "port %s serves no plain HTTP", e.plainPort))
		return
	}
	_ = r.Body.Close()
	to, err := url.Parse(r.Header.Get("Location"))
	switch {
	case r.StatusCode >= 300 && r.StatusCode < 400 && err == nil && to.Scheme == "https":
		e.report(good(check, "plain HTTP redirects to HTTPS"))
	case r.StatusCode == http.StatusOK:
		e.report(warning(check, "redirect it to HTTPS", "the page is served by plain HTTP too"))
	default:
		e.report(good(check, "plain HTTP serves nothing: %s", printable(r.Status)))
	}
}
