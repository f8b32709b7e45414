package main

import (
	"bytes"
	"fmt"
)

// socketIOPeer is a signaling server on Socket.IO (engine.io protocol 4, WebSocket from the start).
type socketIOPeer struct{ version string }

func (p *socketIOPeer) about() peerAbout {
	return peerAbout{Name: "Socket.IO", Version: p.version,
		Checks:   "packets and JSON, sender, and that the target is in the room",
		Keeps:    "nothing: rooms end with the process",
		Promises: "order; pings, acknowledgements if asked for"}
}

func (p *socketIOPeer) prepare(k *kit) error {
	err := k.npm()
	p.version = k.nodePackage("socket.io")
	return err
}

func (p *socketIOPeer) command(k *kit, s *server) (string, []string, []string, error) {
	return k.nodeCommand(s, "socketio.mjs")
}

func (*socketIOPeer) path(*person) string { return "/socket.io/?EIO=4&transport=websocket" }

func (*socketIOPeer) opened(*person) {}

// received reads a packet: its first digit is engine.io's type, the second socket.io's.
func (*socketIOPeer) received(p *person, packet []byte) {
	switch {
	case bytes.HasPrefix(packet, []byte("0")): // open
		p.say("40")
	case bytes.HasPrefix(packet, []byte("2")): // ping
		p.say("3")
	case bytes.HasPrefix(packet, []byte("40")): // connected
		p.id = textField(packet, "sid")
		p.say(`420["join",%q]`, p.room)
	case bytes.HasPrefix(packet, []byte("430")): // join acknowledged
		p.seated()
	case bytes.HasPrefix(packet, []byte("44")), bytes.HasPrefix(packet, []byte(`42["refused"`)):
		p.fail("refused: %.300s", packet)
	}
}

func (*socketIOPeer) offer(_, to *person, body func(bool) []byte) []byte {
	return fmt.Appendf(nil, `42["offer",{"to":%q,"payload":{"type":"offer","sdp":"%s"}}]`, to.id, body(true))
}

func (*socketIOPeer) broadcast(_ *person, text []byte) []byte {
	return fmt.Appendf(nil, `42["broadcast",{"payload":{"url":"%s"}}]`, text)
}
