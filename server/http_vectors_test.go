package server

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/turn"
)

// httpSetup is the configuration of a vector's server.
type httpSetup struct {
	// Origins is the list of allowed origins; "" is "*".
	Origins string
	// ICEServers is a JSON list of RTCIceServer, and TURNSecret is the shared secret.
	ICEServers, TURNSecret string
	// TURNOpen hands TURN credentials out to those without a seat.
	TURNOpen bool
	// ListRooms are the ids of rooms, separated by spaces, that want to be listed on a server that
	// lists them; "-" is for none. The worker lists none: its response is NOT_FOUND.
	ListRooms string
	// Draining is set if the server is about to stop. The worker never is.
	Draining bool
}

// httpVector is a row of protocol/testdata/http.json. worker/test/http.test.ts replays it too.
type httpVector struct {
	Name, Method, Path string
	Headers            map[string]string
	httpSetup
	Response struct {
		Status int
		// Headers are the headers that matter; null marks one that must be missing.
		Headers map[string]*string
		// Body has the fields that matter; nil if none does.
		Body map[string]any
		// Room is the room of the opened WebSocket; "" if it does not matter.
		Room string
	}
}

func TestHTTPVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../protocol/testdata/http.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []httpVector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	servers := map[httpSetup]*running{}
	for _, v := range vectors {
		if servers[v.httpSetup] == nil {
			servers[v.httpSetup] = v.serve(t)
		}
		t.Run(v.Name, func(t *testing.T) { v.replay(t, servers[v.httpSetup].address()) })
	}
}

// serve runs a server until the test ends.
func (h httpSetup) serve(t *testing.T) *running {
	t.Helper()
	var servers []json.RawMessage
	if h.ICEServers != "" {
		if err := json.Unmarshal([]byte(h.ICEServers), &servers); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, func(c *Config) {
		if h.Origins != "" {
			c.AllowOrigins = strings.Split(strings.ReplaceAll(h.Origins, " ", ""), ",")
		}
		for _, text := range servers {
			server, err := turn.ParseICEServer(string(text))
			if err != nil {
				t.Fatal(err)
			}
			c.ICEServers = append(c.ICEServers, server)
		}
		c.TURNSecret, c.TURNOpen, c.ListRooms = h.TURNSecret, h.TURNOpen, h.ListRooms != ""
	})
	for id := range strings.FieldsSeq(strings.Trim(h.ListRooms, "-")) {
		s.open(id, "ann").create(listedDoor)
	}
	if h.Draining {
		// The socket does not reply to the close frame, so the drain waits for it.
		stubborn := s.raw("draining-1")
		s.end()
		stubborn.closeCode()
	}
	return s
}

func (v *httpVector) replay(t *testing.T, address string) {
	request, err := http.NewRequest(v.Method, "http://"+address+v.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range v.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != v.Response.Status {
		t.Fatalf("status %d, want %d", response.StatusCode, v.Response.Status)
	}
	for name, want := range v.Response.Headers {
		got, found := response.Header[http.CanonicalHeaderKey(name)]
		if want == nil && found || want != nil && strings.Join(got, ", ") != *want {
			t.Errorf("%s: %q, want %v", name, got, want)
		}
	}
	if v.Response.Status == http.StatusSwitchingProtocols {
		if v.Response.Room != "" {
			wantRoom(t, response.Body.(io.ReadWriter), v.Response.Room)
		}
		return
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v.Response.Body == nil {
		if len(body) > 0 {
			t.Errorf("body %q, want none", body)
		}
		return
	}
	var got map[string]any
	if err := json.NewDecoder(bytes.NewReader(v.timeless(body))).Decode(&got); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	for name, want := range v.Response.Body {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if code, ok := v.Response.Body["code"].(string); ok {
		if got["error"] != protocol.Code(code).Lookup().Error || got["requestId"] != response.Header.Get("X-Request-Id") {
			t.Errorf("error %v", got)
		}
	}
}

// wantRoom joins the room over a new WebSocket. The room does not exist, and a connection for
// another room gets ROOM_MISMATCH.
func wantRoom(t *testing.T, socket io.ReadWriter, roomID string) {
	t.Helper()
	join := fmt.Sprintf(`{"type":"JOIN_ROOM","roomId":%q,"userId":"ann","userName":"Ann"}`, roomID)
	if _, err := socket.Write(masked(0x81, join)); err != nil {
		t.Fatal(err)
	}
	_, reply, err := (&rawConn{t: t, r: bufio.NewReader(socket)}).read()
	if err != nil || !bytes.Contains(reply, []byte(`"code":"ROOM_NOT_FOUND"`)) {
		t.Errorf("the reply in %s is %q, %v", roomID, reply, err)
	}
}

var turnUsername = regexp.MustCompile(`"username":"(\d{10}):([^"]*)"`)

// timeless replaces the time at which a TURN credential ends with EXPIRES, and the right credential
// with CREDENTIAL (draft-uberti-behave-turn-rest-00, section 2.2).
func (v *httpVector) timeless(body []byte) []byte {
	found := turnUsername.FindSubmatch(body)
	if found == nil || string(found[1]) <= fmt.Sprint(time.Now().Unix()) {
		return body
	}
	mac := hmac.New(sha1.New, []byte(v.TURNSecret))
	mac.Write([]byte(string(found[1]) + ":" + string(found[2])))
	credential := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	body = bytes.ReplaceAll(body, []byte(credential), []byte("CREDENTIAL"))
	return turnUsername.ReplaceAll(body, []byte(`"username":"EXPIRES:$2"`))
}
