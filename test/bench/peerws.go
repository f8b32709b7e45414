package main

import "fmt"

// wsPeer is a signaling server on the npm package ws.
type wsPeer struct {
	plainJSON
	version string
}

func (p *wsPeer) about() peerAbout {
	return peerAbout{Name: "ws", Version: p.version,
		Checks:   "JSON, sender and target, size",
		Keeps:    "nothing: rooms end with the process",
		Promises: "order"}
}

func (p *wsPeer) prepare(k *kit) error {
	err := k.npm()
	p.version = k.nodePackage("ws")
	return err
}

func (p *wsPeer) command(k *kit, s *server) (string, []string, []string, error) {
	return k.nodeCommand(s, "ws.mjs")
}

// plainJSON is what the servers speak that are written for this comparison on a WebSocket library.
type plainJSON struct{}

func (plainJSON) path(*person) string { return "/ws" }

func (plainJSON) opened(p *person) { p.say(`{"type":"join","room":%q,"id":%q}`, p.room, p.id) }

func (plainJSON) received(p *person, message []byte) {
	switch messageType(message) {
	case "joined":
		p.seated()
	case "error":
		p.fail("refused: %.300s", message)
	}
}

func (plainJSON) offer(_, to *person, body func(bool) []byte) []byte {
	return fmt.Appendf(nil, `{"type":"offer","to":%q,"payload":{"type":"offer","sdp":"%s"}}`, to.id, body(true))
}

func (plainJSON) broadcast(_ *person, text []byte) []byte {
	return fmt.Appendf(nil, `{"type":"broadcast","payload":{"url":"%s"}}`, text)
}
