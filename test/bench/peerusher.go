package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"time"
)

// usherPeer is usher itself, with every check on.
type usherPeer struct {
	usherDialect
	again   bool // the second of two that are the same: what they differ by is noise
	program string
	version string
}

func (u *usherPeer) about() peerAbout {
	a := peerAbout{Name: "usher", Version: u.version,
		Checks:   "sender, room and target of each message, all of its JSON and UTF-8, sizes; rates of connection, address and room",
		Keeps:    "rooms, seats, roles and names on disk, fsynced before anybody sees them",
		Promises: "order; a seat held for 40 s, with what was sent to it; return by token",
	}
	if u.again {
		a.Name = "usher, again"
	}
	return a
}

func (u *usherPeer) prepare(k *kit) error {
	if err := k.w.build(); err != nil {
		return err
	}
	u.program, u.version = k.w.program, k.commit()
	return nil
}

func (u *usherPeer) command(k *kit, s *server) (string, []string, []string, error) {
	args := append(usherFlags(s.address.String(), filepath.Join(s.folder, "data")), "--log-level", "error")
	if s.secure {
		args = append(args, "--tls-cert", k.certificate, "--tls-key", k.key)
	}
	return u.program, append(args, k.w.extra...), nil, nil
}

// usherDialect is what usher and its worker speak.
type usherDialect struct{}

// keeps makes it a keeper.
func (usherDialect) keeps() {}

func (usherDialect) path(p *person) string { return "/ws?roomId=" + p.room }

func (usherDialect) opened(p *person) {
	name, token := "JOIN_ROOM", ""
	if p.token != "" {
		token = fmt.Sprintf(`,"resumeToken":%q`, p.token)
	} else if p.seat == 0 {
		name = "CREATE_ROOM"
	}
	p.say(`{"type":%q,"roomId":%q,"userId":%q,"userName":"Bench","timestamp":%d,"protocol":1%s}`,
		name, p.room, p.id, time.Now().UnixMilli(), token)
}

func (usherDialect) received(p *person, message []byte) {
	switch messageType(message) {
	case "ROOM_CREATED", "ROOM_JOINED":
		p.token = textField(message, "resumeToken")
		p.seated()
	case "ERROR", "UNDELIVERED":
		p.fail("refused: %.300s", message)
	}
}

func (usherDialect) offer(from, to *person, body func(bool) []byte) []byte {
	return fmt.Appendf(nil, `{"type":"WEBRTC_OFFER","roomId":%q,"userId":%q,"targetUserId":%q,"timestamp":%d,"offer":{"type":"offer","sdp":"%s"}}`,
		from.room, from.id, to.id, firstSequence, body(true))
}

func (usherDialect) broadcast(from *person, text []byte) []byte {
	return fmt.Appendf(nil, `{"type":"HOST_NAVIGATE","roomId":%q,"userId":%q,"url":"%s"}`, from.room, from.id, text)
}

// textField cuts a string without escapes out of a message.
func textField(message []byte, name string) string {
	_, rest, found := bytes.Cut(message, fmt.Appendf(nil, "%q:\"", name))
	if !found {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}
