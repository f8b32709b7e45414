package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestHealthIsWhatTheServerResponds(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
		args       []string
		out, err   string // what the output and the errors have, "" for nothing
	}{
		{"well", `{"status":"ok","timestamp":1}`, 200, nil, "/healthz: ok", ""},
		{"ready", `{"status":"ready","timestamp":1}`, 200, []string{"--ready"}, "/readyz: ready", ""},
		{"draining", `{"type":"ERROR","code":"DRAINING","error":"…"}`, 503, []string{"--ready"}, "", "/readyz: DRAINING"},
		{"a proxy's error", "<html>", 502, nil, "", "/healthz: 502 Bad Gateway"},
		{"another program", "<html>", 200, nil, "", "is not an usher"},
	} {
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		})
		for _, secure := range []bool{false, true} {
			web := httptest.NewUnstartedServer(handler)
			args := append([]string{"health"}, test.args...)
			if secure {
				web.StartTLS() // its certificate is for another name
				args = append(args, "--tls-cert", "cert.pem")
			} else {
				web.Start()
			}
			address, _ := url.Parse(web.URL)
			var out, stderr bytes.Buffer
			status := run(append(args, "--listen", "localhost:"+address.Port()), &out, &stderr)
			web.Close()
			isWell := test.err == ""
			if (status == 0) != isWell || !strings.Contains(out.String(), test.out) || !strings.Contains(stderr.String(), test.err) {
				t.Errorf("%s, TLS %v: status %d\n%s%s", test.name, secure, status, &out, &stderr)
			}
		}
	}
}

// A wrong scheme and a certificate that nobody trusts are named.
func TestHealthNamesWhatIsWrongWithTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	defer web.Close()
	for address, want := range map[string]string{
		web.URL: "--tls-cert instead of --url",
		strings.Replace(web.URL, "https", "http", 1): "--url https://",
	} {
		var stderr bytes.Buffer
		if status := run([]string{"health", "--url", address}, io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: status %d\n%s", address, status, &stderr)
		}
	}
}
