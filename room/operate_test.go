package room

import (
	"fmt"

	"usher/protocol"
)

// operatorEvent makes an event that an operator causes.
func (w *world) operatorEvent(kind, b byte) Event {
	if kind >= 224 {
		return Event{Kind: Operated, Act: actOf(b)}
	}
	arranged := Event{Kind: Arranged, Address: 1, Arrangement: &Arrangement{
		Name: "r", AwaitedUntilMs: w.nowMs + int64(b)*attachEveryMs, Door: actOf(b).Door, RelayOnly: b%16 == 3,
	}}
	if b%4 == 1 {
		arranged.Arrangement.KeepMs, arranged.OwnerSecret = int64(b)*attachEveryMs, [protocol.TokenBytes]byte{b}
	}
	if b%8 == 2 {
		arranged.Arrangement.Door.Passcode, arranged.Hash = []byte("words"), &HashResult{Salt: [SaltBytes]byte{b}}
	}
	return arranged
}

// actOf makes an operator's act of a byte.
func actOf(b byte) *Act {
	return &Act{
		Kind: ActKind(b%byte(actKinds) + b%2*b%3), Role: protocol.Role(b % 4), Mode: protocol.ControlMode(b % 2),
		Door:   protocol.DoorChange{Entry: protocol.Entry(b % 3), HasEntry: b%5 > 1, MaxPeople: int(b % 60), NoPasscode: b%7 == 1},
		UserID: fmt.Sprintf("u%d", b/8%5), Text: "words"[:b/16%6%5],
	}
}
