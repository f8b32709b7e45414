package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// defaultTimeout bounds one request to the collector.
const defaultTimeout = 10 * time.Second

// Config says where spans go. The zero value is for none.
type Config struct {
	// Endpoint is the URL that spans are posted to, "" for nowhere.
	Endpoint string
	// Header has what the collector wants to see, such as an API key.
	Header http.Header
	// Timeout bounds one request. Default 10 s.
	Timeout time.Duration
	// Uncompressed: requests are not compressed by gzip.
	Uncompressed bool
	// TLS is nil for the system's authorities.
	TLS *tls.Config
}

// tracesPath is what an endpoint for all signals has before its traces.
const tracesPath = "v1/traces"

// ConfigOf reads OpenTelemetry's variables for OTLP. endpoint is the setting otlp-endpoint, which
// takes the place of OTEL_EXPORTER_OTLP_ENDPOINT unless it is "". Those of sampling, batching and
// the resource are the SDK's, which reads them itself.
func ConfigOf(endpoint string, environment func(string) string) (c Config, err error) {
	// of returns a variable for traces, or the one for all signals.
	of := func(name string) string {
		if value := environment("OTEL_EXPORTER_OTLP_TRACES_" + name); value != "" {
			return value
		}
		return environment("OTEL_EXPORTER_OTLP_" + name)
	}
	if strings.EqualFold(environment("OTEL_SDK_DISABLED"), "true") || environment("OTEL_TRACES_EXPORTER") == "none" {
		return c, nil
	}
	switch base, traces := environment("OTEL_EXPORTER_OTLP_ENDPOINT"), environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); {
	case endpoint != "":
		c.Endpoint, err = endpointOf("otlp-endpoint", endpoint, tracesPath)
	case traces != "":
		c.Endpoint, err = endpointOf("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces, "")
	case base != "":
		c.Endpoint, err = endpointOf("OTEL_EXPORTER_OTLP_ENDPOINT", base, tracesPath)
	}
	if err != nil || c.Endpoint == "" {
		return Config{}, err
	}
	if protocol := of("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return Config{}, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not %q: spans are sent in no other way", protocol)
	}
	if c.Header, err = headersOf(of("HEADERS")); err != nil {
		return Config{}, err
	}
	if c.Timeout, err = timeoutOf(of("TIMEOUT")); err != nil {
		return Config{}, err
	}
	switch compression := of("COMPRESSION"); compression {
	case "", "gzip":
	case "none":
		c.Uncompressed = true
	default:
		return Config{}, fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION must be gzip or none, not %q", compression)
	}
	if c.TLS, err = tlsOf(of("CERTIFICATE"), of("CLIENT_CERTIFICATE"), of("CLIENT_KEY")); err != nil {
		return Config{}, err
	}
	return c, nil
}

// endpointOf checks a URL and appends a path to it.
func endpointOf(name, text, path string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%s must be a URL such as http://localhost:4318 or https://collector.example", name)
	}
	if path != "" {
		u = u.JoinPath(path)
	}
	return u.String(), nil
}

// headersOf reads key=value,key=value, with values in URL encoding. An error repeats no value.
func headersOf(text string) (http.Header, error) {
	h := make(http.Header)
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS must be NAME=VALUE,NAME=VALUE with values in URL encoding")
		}
		h.Add(name, value)
	}
	return h, nil
}

// timeoutOf reads a number of milliseconds.
func timeoutOf(text string) (time.Duration, error) {
	if text == "" {
		return defaultTimeout, nil
	}
	ms, err := strconv.Atoi(text)
	if err != nil || ms < 1 || ms > 10*60*1000 {
		return 0, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT must be 1 to 600000 milliseconds, not %q", text)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// tlsOf reads PEM files, of the authorities to trust and of what proves who this server is.
func tlsOf(authorities, certificate, key string) (*tls.Config, error) {
	if authorities == "" && certificate == "" {
		return nil, nil
	}
	c := new(tls.Config)
	if authorities != "" {
		text, err := os.ReadFile(authorities)
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %s has no certificate in PEM", authorities)
		}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
