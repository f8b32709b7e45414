package roomtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"

	"usher/protocol"
	"usher/room"
)

// Steal tries everything in the stolen bytes that may be a token (16 bytes as they are, or the text
// of a token) as the resumeToken of each user of the snapshot's room. It returns what seats
// somebody, "" if nothing does.
func Steal(snapshot, stolen []byte, users ...string) (token string, err error) {
	config := room.DefaultConfig()
	config.RoomIdleMs = math.MaxInt64 / 2 // whenever it was stored
	config.MessagesPerSecond, config.MessageBurst, config.BytesPerSecond, config.ByteBurst = 1e9, 1e9, 1e9, 1e9
	r, err := room.Restore(&config, RoomID, snapshot)
	if err != nil {
		return "", err
	}
	r.Step(startMs, room.Event{Kind: room.Restored}, nil)
	r.Step(startMs, room.Event{Kind: room.Connected, Conn: 1}, nil)
	var effects []room.Effect
	tried := make(map[string]bool) // much of a database is zeros and older copies
	for i := range stolen {
		for _, token := range tokensAt(stolen[i:]) {
			if tried[token] {
				continue
			}
			tried[token] = true
			for _, user := range users {
				frame := fmt.Appendf(nil, `{"type":"JOIN_ROOM","roomId":%q,"userId":%q,"userName":"Eve","protocol":1,"resumeToken":%q}`, RoomID, user, token)
				message, err := protocol.Decode(frame)
				effects = r.Step(startMs, room.Event{Kind: room.Received, Conn: 1, Frame: frame, Message: &message, Err: err}, effects[:0])
				if seats(effects) {
					return token, nil
				}
			}
		}
	}
	return "", nil
}

// tokensAt are the tokens that the bytes may begin with.
func tokensAt(b []byte) (tokens []string) {
	if len(b) >= protocol.TokenBytes {
		tokens = append(tokens, base64.RawURLEncoding.EncodeToString(b[:protocol.TokenBytes]))
	}
	if n := base64.RawURLEncoding.EncodedLen(protocol.TokenBytes); len(b) >= n {
		if decoded, err := base64.RawURLEncoding.DecodeString(string(b[:n])); err == nil && len(decoded) == protocol.TokenBytes {
			tokens = append(tokens, string(b[:n]))
		}
	}
	return tokens
}

func seats(effects []room.Effect) bool {
	for _, e := range effects {
		if e.Kind == room.Send && bytes.Contains(e.Frame, []byte(`"type":"ROOM_JOINED"`)) {
			return true
		}
	}
	return false
}
