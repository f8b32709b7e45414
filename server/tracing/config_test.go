package tracing

import (
	"strings"
	"testing"
	"time"
)

func TestConfigOfTheEnvironment(t *testing.T) {
	const all, traces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for _, test := range []struct {
		setting     string
		environment map[string]string
		endpoint    string
		problem     string
	}{
		{"", nil, "", ""},
		{"http://c:4318", nil, "http://c:4318/v1/traces", ""},
		{"https://c.example/otlp/", nil, "https://c.example/otlp/v1/traces", ""},
		{"", map[string]string{all: "http://c:4318"}, "http://c:4318/v1/traces", ""},
		{"", map[string]string{traces: "http://c/here", all: "http://not-here"}, "http://c/here", ""},
		{"http://set", map[string]string{traces: "http://c/here", all: "http://not-here"}, "http://set/v1/traces", ""},
		{"http://set", map[string]string{"OTEL_SDK_DISABLED": "true"}, "", ""},
		{"http://set", map[string]string{"OTEL_TRACES_EXPORTER": "none"}, "", ""},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http://set/v1/traces", ""},
		{"c:4318", nil, "", "otlp-endpoint must be a URL"},
		{"", map[string]string{all: "grpc://c"}, "", all + " must be a URL"},
		{"", map[string]string{traces: "//c"}, "", traces + " must be a URL"},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "", "must be http/protobuf"},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "secret"}, "", "must be NAME=VALUE"},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "", "milliseconds"},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, "", "gzip or none"},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"}, "", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
		{"http://set", map[string]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere"}, "", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
	} {
		c, err := ConfigOf(test.setting, func(name string) string { return test.environment[name] })
		switch {
		case test.problem == "" && err != nil:
			t.Errorf("%q and %v: %v", test.setting, test.environment, err)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%q and %v: %v", test.setting, test.environment, err)
		case c.Endpoint != test.endpoint:
			t.Errorf("%q and %v: %q", test.setting, test.environment, c.Endpoint)
		}
	}
	c, err := ConfigOf("http://set", func(name string) string {
		return map[string]string{
			"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "250", "OTEL_EXPORTER_OTLP_TIMEOUT": "5", "OTEL_EXPORTER_OTLP_HEADERS": " a=1 , b = x%2Cy ",
		}[name]
	})
	if err != nil || c.Timeout != 250*time.Millisecond || c.Header.Get("a") != "1" || c.Header.Get("b") != "x,y" {
		t.Errorf("%+v, %v", c, err)
	}
}
