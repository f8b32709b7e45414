package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// colyseusPeer is a signaling room on Colyseus. Its clients ask by HTTP for a seat in the room of a
// code, and speak msgpack over the WebSocket.
type colyseusPeer struct{ version string }

func (p *colyseusPeer) about() peerAbout {
	return peerAbout{Name: "Colyseus", Version: p.version,
		Checks:   "the seat's reservation, msgpack, sender and target",
		Keeps:    "nothing: rooms end with the process",
		Promises: "order"}
}

func (p *colyseusPeer) prepare(k *kit) error {
	err := k.npm()
	p.version = k.nodePackage("@colyseus/core")
	return err
}

func (p *colyseusPeer) command(k *kit, s *server) (string, []string, []string, error) {
	return k.nodeCommand(s, "colyseus.mjs")
}

func (*colyseusPeer) request(p *person) []byte {
	return postRequest(p.load.server.address.String(), "/matchmake/joinOrCreate/signaling", fmt.Appendf(nil, `{"code":%q}`, p.room))
}

func (*colyseusPeer) answered(p *person, body []byte) error {
	var seat struct {
		SessionID string `json:"sessionId"`
		ProcessID string `json:"processId"`
		RoomID    string `json:"roomId"`
		Room      struct {
			ProcessID string `json:"processId"`
			RoomID    string `json:"roomId"`
		} `json:"room"`
	}
	if err := json.Unmarshal(body, &seat); err != nil || seat.SessionID == "" {
		return fmt.Errorf("matchmaking: %v: %.300s", err, body)
	}
	if seat.RoomID == "" {
		seat.RoomID, seat.ProcessID = seat.Room.RoomID, seat.Room.ProcessID
	}
	p.id, p.token = seat.SessionID, seat.ProcessID+"/"+seat.RoomID
	return nil
}

func (*colyseusPeer) path(p *person) string { return "/" + p.token + "?sessionId=" + p.id }

func (*colyseusPeer) opened(*person) {}

// The first byte of a message.
const (
	colyseusJoin  = 10
	colyseusError = 11
	colyseusData  = 13
)

func (*colyseusPeer) received(p *person, message []byte) {
	switch message[0] {
	case colyseusJoin:
		p.conn.send(opBinary, []byte{colyseusJoin})
		p.seated()
	case colyseusError:
		p.fail("refused: %.300q", message)
	}
}

func (*colyseusPeer) offer(_, to *person, body func(bool) []byte) []byte {
	payload := appendMsgpackMap(nil, 2)
	payload = appendMsgpackText(appendMsgpackText(payload, "type"), "offer")
	payload = appendMsgpackText(appendMsgpackText(payload, "sdp"), string(body(false)))
	return colyseusMessage("offer", to.id, payload)
}

func (*colyseusPeer) broadcast(from *person, text []byte) []byte {
	payload := appendMsgpackText(appendMsgpackText(appendMsgpackMap(nil, 1), "url"), string(text))
	return colyseusMessage("broadcast", "", payload)
}

// colyseusMessage is {to, payload} of a type. The type has the form of Colyseus' own schema, which
// for short texts is msgpack's.
func colyseusMessage(name, to string, payload []byte) []byte {
	message := appendMsgpackText([]byte{colyseusData}, name)
	message = appendMsgpackMap(message, 2)
	message = appendMsgpackText(appendMsgpackText(message, "to"), to)
	return append(appendMsgpackText(message, "payload"), payload...)
}

func appendMsgpackMap(dst []byte, size int) []byte { return append(dst, 0x80|byte(size)) }

func appendMsgpackText(dst []byte, text string) []byte {
	switch n := len(text); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n < 1<<8:
		dst = append(dst, 0xd9, byte(n))
	default:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	}
	return append(dst, text...)
}
