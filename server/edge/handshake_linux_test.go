package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// handshakeLines are those of a handshake as browsers send it.
var handshakeLines = []string{
	"GET /ws?roomId=room-1 HTTP/1.1", "Host: usher.test:8787", "Connection: Upgrade", "Pragma: no-cache",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Upgrade: websocket", "Origin: https://usher.test", "Sec-WebSocket-Version: 13",
	"Accept-Encoding: gzip, deflate, br", "Accept-Language: en-US,en;q=0.9", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
}

func head(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// changed returns the lines of a handshake with one replaced, or with another one if nothing is.
func changed(from, to string) string {
	lines := append([]string(nil), handshakeLines...)
	for i, line := range lines {
		if from != "" && strings.HasPrefix(line, from) {
			lines[i] = to
			return head(lines...)
		}
	}
	return head(append(lines, to)...)
}

// withHeaders returns a handshake with so many headers.
func withHeaders(n int) string {
	lines := append([]string(nil), handshakeLines...)
	for len(lines) < 1+n {
		lines = append(lines, fmt.Sprintf("x%d:", len(lines)))
	}
	return head(lines...)
}

func TestWhatAPollerTakesForAHandshake(t *testing.T) {
	good := head(handshakeLines...)
	for _, test := range []struct {
		what, sent string
		is         bool
	}{
		{"a browser's", good, true},
		{"names in any case", changed("Host", "hOST: x"), true},
		{"a host of IPv6", changed("Host", "Host: [::1]:8787"), true},
		{"spaces around the host", changed("Host", "Host:  x  "), true},
		{"a path with a slash at the end", changed("GET", "GET /ws/?roomId=room-1 HTTP/1.1"), true},
		{"an empty value", changed("", "X-Empty:"), true},
		{"frames behind it", good + "\x81\x80\x00\x00\x00\x00", true},
		{"nothing", "", false},
		{"an empty line first", "\r\n" + good, false},
		{"lines that end with a line feed", strings.ReplaceAll(good, "\r\n", "\n"), false},
		{"one line that ends with a line feed", strings.Replace(good, "Upgrade\r\n", "Upgrade\n", 1), false},
		{"a carriage return in a line", changed("Pragma", "Pragma: a\rb"), false},
		{"HTTP/1.0", changed("GET", "GET /ws?roomId=room-1 HTTP/1.0"), false},
		{"HTTP/2", changed("GET", "GET /ws?roomId=room-1 HTTP/2.0"), false},
		{"HTTP/1.10", changed("GET", "GET /ws?roomId=room-1 HTTP/1.10"), false},
		{"no version", changed("GET", "GET /ws?roomId=room-1"), false},
		{"another method", changed("GET", "POST /ws?roomId=room-1 HTTP/1.1"), false},
		{"a method in small letters", changed("GET", "get /ws?roomId=room-1 HTTP/1.1"), false},
		{"an absolute URI", changed("GET", "GET http://x/ws?roomId=room-1 HTTP/1.1"), false},
		{"two spaces", changed("GET", "GET  /ws?roomId=room-1 HTTP/1.1"), false},
		{"a tab", changed("GET", "GET\t/ws?roomId=room-1 HTTP/1.1"), false},
		{"no host", changed("Host", "X-Host: x"), false},
		{"two hosts", changed("", "Host: y"), false},
		{"a host with other characters", changed("Host", "Host: a/b"), false},
		{"a host with a space", changed("Host", "Host: a b"), false},
		{"no upgrade", changed("Upgrade", "X-Upgrade: websocket"), false},
		{"a body with a length", changed("", "Content-Length: 3"), false},
		{"a body of no length", changed("", "content-length: 0"), false},
		{"a body in chunks", changed("", "Transfer-Encoding: chunked"), false},
		{"an expectation", changed("", "Expect: 100-continue"), false},
		{"a line that continues", changed("Pragma", "Pragma: a\r\n b"), false},
		{"a space before the colon", changed("Pragma", "Pragma : a"), false},
		{"no colon", changed("Pragma", "Pragma"), false},
		{"no name", changed("Pragma", ": a"), false},
		{"a name with other characters", changed("Pragma", "Pr(gma: a"), false},
		{"a NUL", changed("Pragma", "Pragma: a\x00b"), false},
		{"a value that is not ASCII", changed("Pragma", "Pragma: \u00e4"), false},
		{"many headers", withHeaders(maxHandshakeHeaders), true},
		{"more headers", withHeaders(maxHandshakeHeaders + 1), false},
		{"more than fits", changed("Pragma", "Pragma: "+strings.Repeat("a", maxHandshakeBytes)), false},
	} {
		want := 0
		if test.is {
			want = strings.Index(test.sent, "\r\n\r\n") + 4
		}
		if got := handshakeBytes([]byte(test.sent)); got != want {
			t.Errorf("%s: %d and not %d", test.what, got, want)
		}
	}
	for i := range good {
		if n := handshakeBytes([]byte(good[:i])); n != 0 {
			t.Errorf("%d bytes are taken for a handshake", i)
		}
	}
}

// given returns what net/http gives to a handler of a request, nil if it refuses it.
func given(t *testing.T, sent []byte) (got *http.Request) {
	server, client := net.Pipe()
	handled := make(chan *http.Request, 1)
	s := &http.Server{
		MaxHeaderBytes: maxHeaderBytes, DisableGeneralOptionsHandler: true,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case handled <- r:
			default: // what follows it
			}
		}),
	}
	l := &oneConn{conns: make(chan net.Conn, 1)}
	l.conns <- server
	go func() { _ = s.Serve(l) }()
	go func() {
		_, _ = client.Write(sent)
		_, _ = client.Write([]byte(head("GET /last HTTP/1.0")))
	}()
	_, _ = io.Copy(io.Discard, client)
	_ = client.Close()
	_ = s.Close()
	select {
	case r := <-handled:
		return r
	default:
		return nil
	}
}

// oneConn is a listener with one connection.
type oneConn struct{ conns chan net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	defer func() { _ = recover() }() // net/http closes it twice
	close(l.conns)
	return nil
}

func (l *oneConn) Addr() net.Addr { return new(net.TCPAddr) }

// Whatever a poller takes for a handshake net/http would have given to the router, as the same
// request.
func FuzzHandshakeBytes(f *testing.F) {
	f.Add([]byte(head(handshakeLines...)))
	f.Add([]byte(changed("Connection", "Connection: close, Upgrade")))
	f.Fuzz(func(t *testing.T, sent []byte) {
		n := handshakeBytes(sent)
		if n == 0 {
			return
		}
		r, err := http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(sent[:n]), maxHandshakeBytes))
		got := given(t, sent[:n])
		if err != nil || got == nil {
			if err == nil || got != nil {
				t.Fatalf("read as %v, %v, by net/http as %v", r, err, got)
			}
			return
		}
		if r.Method != got.Method || r.RequestURI != got.RequestURI || !reflect.DeepEqual(r.URL, got.URL) || r.Host != got.Host ||
			r.Proto != got.Proto || !reflect.DeepEqual(r.Header, got.Header) || got.ContentLength != 0 || got.Body != http.NoBody || r.Body != http.NoBody {
			t.Errorf("%+v, by net/http %+v", r, got)
		}
	})
}
