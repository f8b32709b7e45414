package doctor

import (
	"net/http"
	"strings"
)

// proxyIn returns the program that a response names, "" for none. usher names none itself.
func proxyIn(h http.Header) string {
	server := strings.ToLower(h.Get("Server") + " " + h.Get("Via"))
	for _, known := range []string{"nginx", "Caddy", "HAProxy", "Cloudflare", "Apache", "Envoy", "Traefik", "Varnish"} {
		if strings.Contains(server, strings.ToLower(known)) {
			return known
		}
	}
	if strings.TrimSpace(server) != "" {
		return "a proxy"
	}
	return ""
}

// The lines that heal what proxies do. HAProxy and Caddy pass WebSockets as they are, so theirs are
// the parts that must be there.
var (
	upgradeLines = []Lines{
		{"nginx", []string{"proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", `proxy_set_header Connection "upgrade";`}},
		{"HAProxy", []string{"mode http", "timeout tunnel 1h"}},
		{"Caddy", []string{"reverse_proxy 127.0.0.1:8787"}},
	}
	bufferLines = []Lines{
		{"nginx", []string{"proxy_buffering off;", "tcp_nodelay on;"}},
		{"HAProxy", []string{"option http-no-delay", "timeout tunnel 1h"}},
		{"Caddy", []string{"reverse_proxy 127.0.0.1:8787 {", "\tflush_interval -1", "}"}},
	}
	silenceLines = []Lines{
		{"nginx", []string{"proxy_read_timeout 120s;", "proxy_send_timeout 120s;"}},
		{"HAProxy", []string{"timeout tunnel 1h", "timeout client 120s"}},
		{"Caddy", []string{"reverse_proxy 127.0.0.1:8787 {", "\tstream_timeout 24h", "}"}},
	}
	originLines = []Lines{
		{"nginx", []string{"proxy_set_header Origin $http_origin;"}},
		{"HAProxy", []string{"# without: http-request del-header Origin"}},
		{"Caddy", []string{"# without: header_up -Origin"}},
	}
)

// linesFor returns those for the proxy, if it is one of them, and otherwise all.
func (e *examination) linesFor(all []Lines) []Lines {
	for _, l := range all {
		if l.Program == e.proxy {
			return []Lines{l}
		}
	}
	return all
}
