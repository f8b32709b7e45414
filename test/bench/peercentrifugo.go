package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// centrifugoPeer is Centrifugo as it is. A room is a channel with presence, and each person has a
// channel of its own that only it may subscribe to, where offers to it are published.
type centrifugoPeer struct{ program, version string }

const (
	centrifugoModule = "github.com/centrifugal/centrifugo/v6"
	centrifugoSecret = "a secret of the benchmark"
)

func (p *centrifugoPeer) about() peerAbout {
	return peerAbout{Name: "Centrifugo", Version: p.version,
		Checks:   "a signed token, JSON, who may subscribe and publish; neither sender nor target of an offer",
		Keeps:    "presence in memory",
		Promises: "order; acknowledges each publication", echoes: true}
}

func (p *centrifugoPeer) prepare(k *kit) (err error) {
	p.version = k.goModule(centrifugoModule)
	p.program, err = k.buildGo(centrifugoModule)
	return err
}

func (p *centrifugoPeer) command(k *kit, s *server) (string, []string, []string, error) {
	type options map[string]any
	http := options{"address": s.address.Addr().String(), "port": fmt.Sprint(s.address.Port())}
	if s.secure {
		http["tls"] = options{"enabled": true, "cert_pem": k.certificate, "key_pem": k.key}
	}
	config, err := json.Marshal(options{
		"http_server": http,
		"log":         options{"level": "none"},
		"client":      options{"token": options{"hmac_secret_key": centrifugoSecret}},
		"channel": options{"namespaces": []options{
			{"name": "room", "presence": true, "join_leave": true, "force_push_join_leave": true,
				"allow_subscribe_for_client": true, "allow_publish_for_subscriber": true},
			{"name": "person", "allow_user_limited_channels": true, "allow_publish_for_client": true},
		}},
	})
	if err != nil {
		return "", nil, nil, err
	}
	file := filepath.Join(s.folder, "config.json")
	return p.program, []string{"-c", file}, nil, os.WriteFile(file, config, 0o600)
}

func (*centrifugoPeer) path(*person) string { return "/connection/websocket" }

func (*centrifugoPeer) opened(p *person) {
	p.say(`{"id":1,"connect":{"token":%q}}`, centrifugoToken(p.id))
}

// centrifugoToken is a JWT (RFC 7519) for a user.
func centrifugoToken(user string) string {
	text := base64.RawURLEncoding
	signed := text.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		text.EncodeToString(fmt.Appendf(nil, `{"sub":%q}`, user))
	mac := hmac.New(sha256.New, []byte(centrifugoSecret))
	mac.Write([]byte(signed))
	return signed + "." + text.EncodeToString(mac.Sum(nil))
}

// received reads replies, of which one frame may have several, each a line.
func (*centrifugoPeer) received(p *person, frame []byte) {
	for line := range bytes.Lines(frame) {
		switch line = bytes.TrimSpace(line); {
		case string(line) == "{}": // ping
			p.say("{}")
		case bytes.Contains(line, []byte(`"error":`)), bytes.Contains(line, []byte(`"disconnect":`)):
			p.fail("refused: %.300s", line)
		case bytes.HasPrefix(line, []byte(`{"id":1,`)): // connected
			p.say(`{"id":2,"subscribe":{"channel":"room:%s"}}`+"\n"+`{"id":3,"subscribe":{"channel":"person:#%s"}}`, p.room, p.id)
		case bytes.HasPrefix(line, []byte(`{"id":3,`)): // both subscribed
			p.seated()
		}
	}
}

func (*centrifugoPeer) offer(from, to *person, body func(bool) []byte) []byte {
	return fmt.Appendf(nil, `{"id":4,"publish":{"channel":"person:#%s","data":{"from":%q,"payload":{"type":"offer","sdp":"%s"}}}}`,
		to.id, from.id, body(true))
}

func (*centrifugoPeer) broadcast(from *person, text []byte) []byte {
	return fmt.Appendf(nil, `{"id":4,"publish":{"channel":"room:%s","data":{"from":%q,"url":"%s"}}}`, from.room, from.id, text)
}
