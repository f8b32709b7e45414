package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/room"
	"usher/server/servertest"
	"usher/server/store"
)

// run runs the sender until the test ends, or stop is called.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	w.t.Cleanup(func() { w.stop() })
}

// Messages are signed as Standard Webhooks specifies, with both secrets while there are two.
func TestMessagesAreSigned(t *testing.T) {
	w := newWorld(t, nil)
	w.happen("film", "ann")
	w.untilReceived("film", "ann")
	first := w.receiver.received()[0]
	h := first.header
	if h.Get("Content-Type") != "application/json" || !strings.HasPrefix(first.id, "msg_") || len(first.id) < 20 || strings.Contains(h.Get("webhook-signature"), " ") {
		t.Errorf("headers are %v", h)
	}
	if sent, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64); err != nil || sent < w.clock.Now().Add(-time.Hour).Unix() {
		t.Errorf("webhook-timestamp is %s", h.Get("webhook-timestamp"))
	}
	next := NewSecret()
	if !verified(first, secret) || verified(first, next) {
		t.Error("the signature is not that of the secret")
	}
	if err := w.SetSecrets([]string{next, secret}); err != nil {
		t.Fatal(err)
	}
	w.happen("film", "bob")
	w.untilReceived("film", "ann", "bob")
	if second := w.receiver.received()[1]; !verified(second, secret) || !verified(second, next) || second.id == first.id {
		t.Error("not signed with both secrets")
	}
	w.untilEmpty()
}

// Of what happens only the kinds that were asked for are sent.
func TestOnlyTheKindsAskedForAreSent(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Kinds = []room.OccurrenceKind{room.UserKicked} })
	for _, kind := range room.OccurrenceKinds() {
		if got := len(w.Messages("film", []*room.Occurrence{{Kind: kind}})); got != 0 && kind != room.UserKicked || got != 1 && kind == room.UserKicked {
			t.Errorf("%s makes %d messages", kind, got)
		}
	}
}

// A receiver that fails now and then gets everything, each room's in order.
func TestEachRoomsMessagesComeInOrder(t *testing.T) {
	w := newWorld(t, nil)
	n := 0
	w.receiver.replies(func(_ delivery, reply http.ResponseWriter) bool {
		if n++; n%3 == 0 {
			reply.WriteHeader([]int{500, 502, 429, 408}[n/3%4])
			return false
		}
		return true
	})
	const rooms, messages = 20, 10
	for i := range messages {
		for j := range rooms {
			w.happen("room-"+strconv.Itoa(j), strconv.Itoa(i))
		}
	}
	for j := range rooms {
		w.untilReceived("room-"+strconv.Itoa(j), numbers(0, messages)...)
	}
	w.untilEmpty()
	if w.metrics.Delivered.Load() < rooms*messages || w.metrics.Failed.Load() == 0 || w.metrics.SetAside.Load() != 0 {
		t.Errorf("delivered %d, failed %d, set aside %d", w.metrics.Delivered.Load(), w.metrics.Failed.Load(), w.metrics.SetAside.Load())
	}
}

// During a pause nothing is sent, and nothing that was under way comes later: another process sends
// it.
func TestNothingIsSentDuringAPause(t *testing.T) {
	w := newWorld(t, nil)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	w.receiver.replies(func(_ delivery, reply http.ResponseWriter) bool {
		arrived <- struct{}{}
		<-release
		reply.WriteHeader(http.StatusServiceUnavailable)
		return false
	})
	w.happen("film", "0")
	<-arrived
	resume := w.Pause(t.Context())
	close(release)
	w.receiver.replies(nil)
	w.happen("film", "1")
	w.happen("film", "2")
	w.clock.advance(time.Hour)
	if got := w.receiver.received(); len(got) != 0 {
		t.Errorf("%d are sent during the pause", len(got))
	}
	resume()
	w.untilReceived("film", numbers(0, 3)...)
	w.untilEmpty()
}

func TestAPauseEndsWithItsContextAndWithTheSender(t *testing.T) {
	w := newWorld(t, nil)
	resume := w.Pause(t.Context())
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	w.Pause(expired)() // nobody takes it, since a pause has begun
	w.stop()           // does not hang
	resume()
}

// In a cluster a node sends, then another one, and then it again, which knows nothing of before.
func TestASenderRunsAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.receiver.replies(status(http.StatusServiceUnavailable))
	w.happen("film", "0")
	servertest.Eventually(t, "it fails", func() bool { return w.config.Metrics.Failing.Load() == 1 })
	w.stop()
	if w.config.Metrics.Failing.Load() != 0 {
		t.Error("it fails while it does not run")
	}
	w.receiver.replies(nil)
	w.happen("film", "1")
	w.run()
	w.untilReceived("film", numbers(0, 2)...)
	w.untilEmpty()
	w.stop()
	w.run()
	w.happen("film", "2")
	w.untilReceived("film", numbers(0, 3)...)
	w.untilEmpty()
}

// A message that the receiver rejects holds up its room only, and is set aside in the end.
func TestARejectedMessageHoldsUpItsRoomOnly(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.RetryFor = time.Hour })
	w.receiver.replies(func(d delivery, reply http.ResponseWriter) bool {
		if d.user == "bad" {
			reply.WriteHeader(http.StatusUnprocessableEntity)
			return false
		}
		return true
	})
	w.happen("film", "bad")
	w.happen("film", "after")
	w.happen("quiz", "good")
	w.untilReceived("quiz", "good")
	if got := w.receiver.users("film"); len(got) != 0 {
		t.Errorf("%v overtook", got)
	}
	w.untilReceived("film", "after")
	w.untilEmpty()
	aside, err := w.queue.SetAside()
	if err != nil || len(aside) != 1 || aside[0].Failure != "status 422" || aside[0].RoomID != "film" || !strings.Contains(string(aside[0].Body), `"bad"`) {
		t.Fatalf("set aside are %+v, %v", aside, err)
	}
	w.receiver.replies(nil)
	if n, err := w.queue.Replay(nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.Wake()
	w.untilReceived("film", "after", "bad")
	if got := w.receiver.received(); got[len(got)-1].id != aside[0].ID {
		t.Error("its id is another now")
	}
}

// While the receiver fails, it gets one request at a time, and ever fewer; and none before the time
// of Retry-After.
func TestAFailingReceiverIsSpared(t *testing.T) {
	w := newWorld(t, nil)
	w.receiver.replies(status(http.StatusServiceUnavailable))
	for i := range 100 {
		w.happen("room-"+strconv.Itoa(i), "ann")
	}
	for range 360 { // an hour
		w.clock.advance(10 * time.Second)
		time.Sleep(time.Millisecond)
	}
	if got := w.receiver.requests(); got == 0 || got > 60 {
		t.Errorf("%d requests in an hour", got)
	}
	if w.metrics.Failing.Load() != 1 || strings.Count(w.log.String(), "not received") != 1 {
		t.Errorf("the log is %s", w.log)
	}
	w.receiver.replies(func(_ delivery, reply http.ResponseWriter) bool {
		reply.Header().Set("Retry-After", "1800")
		reply.WriteHeader(http.StatusTooManyRequests)
		return false
	})
	before := w.receiver.requests()
	w.until("it is asked again", func() bool { return w.receiver.requests() > before })
	before = w.receiver.requests()
	for range 170 {
		w.clock.advance(10 * time.Second)
		time.Sleep(time.Millisecond)
	}
	if got := w.receiver.requests(); got != before {
		t.Errorf("%d requests before Retry-After", got-before)
	}
	w.receiver.replies(nil)
	w.untilEmpty()
	if w.metrics.Failing.Load() != 0 || !strings.Contains(w.log.String(), "received again") {
		t.Errorf("the log is %s", w.log)
	}
}

// After 410 nothing is sent until somebody says so.
func TestGone(t *testing.T) {
	w := newWorld(t, nil)
	w.receiver.replies(status(http.StatusGone))
	w.happen("film", "ann")
	w.until("it is tried", func() bool { return strings.Contains(w.log.String(), "gone (410)") })
	w.happen("quiz", "bob")
	for range 100 {
		w.clock.advance(10 * time.Minute)
		time.Sleep(time.Millisecond)
	}
	if got := w.receiver.requests(); got != 1 {
		t.Errorf("%d requests", got)
	}
	w.receiver.replies(nil)
	w.Revive()
	w.untilReceived("film", "ann")
	w.untilReceived("quiz", "bob")
}

// Somebody may have revived it meanwhile on another node.
func TestASenderThatRunsAgainTriesAReceiverThatWasGone(t *testing.T) {
	w := newWorld(t, nil)
	w.receiver.replies(status(http.StatusGone))
	w.happen("film", "ann")
	w.until("it is tried", func() bool { return strings.Contains(w.log.String(), "gone (410)") })
	w.stop()
	w.receiver.replies(nil)
	w.run()
	w.untilReceived("film", "ann")
	w.untilEmpty()
}

// What the receiver says is not followed, and not read without end.
func TestRepliesAreBounded(t *testing.T) {
	elsewhere := newReceiver(t)
	w := newWorld(t, nil)
	w.receiver.replies(func(_ delivery, reply http.ResponseWriter) bool {
		reply.Header().Set("Location", elsewhere.URL)
		reply.WriteHeader(http.StatusTemporaryRedirect)
		return false
	})
	w.happen("film", "ann")
	w.until("it is tried", func() bool { return w.receiver.requests() > 1 })
	if elsewhere.requests() != 0 {
		t.Error("a redirect was followed")
	}
	w.receiver.replies(func(_ delivery, reply http.ResponseWriter) bool {
		for range 1000 { // more than sockets hold
			if _, err := reply.Write(make([]byte, 64<<10)); err != nil {
				break
			}
		}
		return true
	})
	w.untilReceived("film", "ann")
	w.untilEmpty()
}

// Sockets are only opened to public addresses, whatever the receiver is called.
func TestPrivateReceiversAreRefused(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is reached") }))
	defer inside.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "127.1.2.3", "[64:ff9b::7f00:1]",
		"10.0.0.1", "172.16.3.4", "192.168.0.1", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.64.0.1", "[2002:7f00:1::1]", "224.0.0.1",
	} {
		s, err := New(Config{URL: "http://" + host + ":" + port, Secrets: []string{secret}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		o := s.post(t.Context(), &store.Queued{Message: store.Message{ID: "msg_1", Body: []byte("{}")}})
		if !strings.Contains(o.failure, "not public") {
			t.Errorf("%s: %q", host, o.failure)
		}
	}
}

// A receiver with a certificate that nobody vouches for gets nothing.
func TestCertificatesAreChecked(t *testing.T) {
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is reached") }))
	defer inside.Close()
	inside.Config.ErrorLog = nil
	s, err := New(Config{URL: inside.URL, Secrets: []string{secret}, AllowPrivate: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if o := s.post(t.Context(), new(store.Queued)); !strings.HasPrefix(o.failure, "TLS") {
		t.Errorf("%q", o.failure)
	}
}

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.org/hook?a=b": "", "https://[2620:fe::fe]:8443": "",
		"http://example.org": "only https", "ftp://example.org": "begin with https", "https://": "begin with https", "example.org": "begin with https",
		"https://a:b@example.org": "no user", "https://example.org/#a": "no fragment", "https://a b": "not a URL",
	} {
		if err := CheckURL(text, false); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := CheckURL("http://example.org", true); err != nil {
		t.Error(err)
	}
}

func TestParseSecrets(t *testing.T) {
	for text, isGood := range map[string]bool{
		secret: true, secret + "\n" + NewSecret() + "\n": true, "": false, "whsec_": false, "whsec_c2hvcnQ=": false, "secret": false,
		strings.TrimPrefix(secret, "whsec_"): false, "whsec_" + strings.Repeat("A", 100): false, "whsec_!!!!": false,
		secret + " " + secret + " " + secret: false,
	} {
		secrets, err := ParseSecrets(text)
		if (err == nil) != isGood || isGood && len(secrets) == 0 {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && text != "" && strings.Contains(err.Error(), text[len(text)/2:]) && len(text) > 10 {
			t.Errorf("the error repeats it: %v", err)
		}
	}
}
