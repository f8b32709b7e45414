package main

import "fmt"

// yWebRTCPeer is y-webrtc's signaling server. It only has topics: here each person subscribes to
// the room's and to one of its own, so that an offer reaches only its target.
type yWebRTCPeer struct{ version string }

func (p *yWebRTCPeer) about() peerAbout {
	return peerAbout{Name: "y-webrtc", Version: p.version,
		Checks:   "JSON; neither sender nor target",
		Keeps:    "nothing: topics end with the process",
		Promises: "order; anybody may publish to any topic", noTLS: true, echoes: true}
}

func (p *yWebRTCPeer) prepare(k *kit) error {
	err := k.npm()
	p.version = k.nodePackage("y-webrtc")
	return err
}

func (p *yWebRTCPeer) command(k *kit, s *server) (string, []string, []string, error) {
	return k.nodeCommand(s, "ywebrtc.mjs")
}

func (*yWebRTCPeer) path(*person) string { return "/" }

// opened asks for a pong as well: a subscription is not answered.
func (*yWebRTCPeer) opened(p *person) {
	p.say(`{"type":"subscribe","topics":[%q,%q]}`, p.room, p.id)
	p.say(`{"type":"ping"}`)
}

func (*yWebRTCPeer) received(p *person, message []byte) {
	if messageType(message) == "pong" {
		p.seated()
	}
}

func (*yWebRTCPeer) offer(from, to *person, body func(bool) []byte) []byte {
	return fmt.Appendf(nil, `{"type":"publish","topic":%q,"data":{"type":"signal","from":%q,"to":%q,"signal":{"type":"offer","sdp":"%s"}}}`,
		to.id, from.id, to.id, body(true))
}

func (*yWebRTCPeer) broadcast(from *person, text []byte) []byte {
	return fmt.Appendf(nil, `{"type":"publish","topic":%q,"data":{"type":"announce","from":%q,"url":"%s"}}`, from.room, from.id, text)
}
