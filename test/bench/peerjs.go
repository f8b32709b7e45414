package main

import "fmt"

// peerjsPeer is PeerJS's own server. It has no rooms: whoever knows an id may send to it.
type peerjsPeer struct{ version string }

func (p *peerjsPeer) about() peerAbout {
	return peerAbout{Name: "PeerJS", Version: p.version,
		Checks:   "JSON, the key, and that the target exists; the sender's id is its own",
		Keeps:    "nothing; a frame for somebody who is away waits 5 s in memory",
		Promises: "order; has no rooms", noBroadcast: true}
}

func (p *peerjsPeer) prepare(k *kit) error {
	err := k.npm()
	p.version = k.nodePackage("peer")
	return err
}

func (p *peerjsPeer) command(k *kit, s *server) (string, []string, []string, error) {
	return k.nodeCommand(s, "peerjs.mjs")
}

func (*peerjsPeer) path(p *person) string {
	return fmt.Sprintf("/peerjs?key=peerjs&id=%s&token=%d", p.id, p.number)
}

func (*peerjsPeer) opened(*person) {}

func (*peerjsPeer) received(p *person, message []byte) {
	switch messageType(message) {
	case "OPEN":
		p.seated()
	default:
		p.fail("refused: %.300s", message)
	}
}

func (*peerjsPeer) offer(_, to *person, body func(bool) []byte) []byte {
	return fmt.Appendf(nil, `{"type":"OFFER","dst":%q,"payload":{"sdp":{"type":"offer","sdp":"%s"},"type":"data","connectionId":"dc_%d"}}`,
		to.id, body(true), to.number)
}

func (*peerjsPeer) broadcast(*person, []byte) []byte { return nil }
