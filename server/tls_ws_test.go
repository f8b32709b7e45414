package server

import (
	"crypto/tls"
	"testing"

	"usher/protocol"
)

func TestTLSEndToEnd(t *testing.T) {
	pair := t.TempDir()
	s := serve(t, func(c *Config) { c.TLSCert, c.TLSKey = writePair(t, pair, "first.test", later()) })
	ann, bob := s.pair("over-tls-1")
	ann.offer("bob", "over TLS")
	bob.expect("WEBRTC_OFFER")
	bob.quiet()

	commonName := func() string {
		c, err := tls.Dial("tcp", s.address(), insecure())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if name := commonName(); name != "first.test" {
		t.Errorf("served %s", name)
	}
	writePair(t, pair, "second.test", later())
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if name := commonName(); name != "second.test" {
		t.Errorf("after Reload %s is served", name)
	}
	ann.offer("bob", "still there") // connections live on
	bob.expect("WEBRTC_OFFER")

	bob.say("LEAVE_ROOM")
	bob.closed(protocol.CloseNormal)
	ann.expect("USER_LEFT")
	carl := s.open("over-tls-1", "carl")
	carl.join()
	ann.expect("USER_JOINED")
	carl.drop()
	ann.expect("USER_LEFT")
	s.end()
	ann.closed(protocol.CloseRestart)
	s.stop()
}

// The close handshake over TLS: the server answers and then ends the socket.
func TestTLSCloseIsAnsweredAndTheSocketEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later()) })
	for _, code := range []protocol.CloseCode{1000, 4321} {
		c := s.raw("tls-close-1")
		c.write(closeFrame(code))
		if got := c.closeCode(); got != code {
			t.Errorf("a close with %d is answered by %d", code, got)
		}
		c.ended()
	}
}

func TestPlainHTTPOnATLSPortIsRefusedQuietly(t *testing.T) {
	s := serve(t, func(c *Config) { c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later()) })
	response, err := s.web.Get("http://" + s.address() + "/healthz")
	if err == nil && response.StatusCode != 400 {
		t.Errorf("%v", response)
	}
}
