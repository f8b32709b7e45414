package main

import (
	"fmt"
	"strings"

	"usher/protocol"
	"usher/room"
	"usher/worker/abi"
)

// worker writes what the TypeScript of worker/ needs of the Go packages and clients do not: the
// numbers of the Wasm line, and the names of the settings. Everything else it takes from
// @usher/types, as clients do.
func worker(*model) ([]output, error) {
	return []output{
		{"worker/src/abi.ts", []byte(header + workerABI())},
		{"worker/src/settings.ts", []byte(header + workerSettings())},
	}, nil
}

func workerSettings() string {
	var b strings.Builder
	config := room.DefaultConfig()
	b.WriteString("/** The settings of rooms, by the variable that has each. */\nexport const settings = {\n")
	for _, s := range config.Settings() {
		variable := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
		if s.Unit == room.Milliseconds {
			variable += "_MS"
		}
		fmt.Fprintf(&b, "  /** %d to %d, default %d. */\n  %s: %s,\n", s.Low, s.High, s.Value(), variable, quote(s.Name))
	}
	b.WriteString("  /** address, anywhere or never; default address. */\n  TOKENLESS_REJOIN: \"tokenless-rejoin\",\n} as const;\n")
	return b.String()
}

// workerABI names the numbers of package abi.
func workerABI() string {
	var b strings.Builder
	enum := func(name, doc string, members ...any) {
		fmt.Fprintf(&b, "/** %s */\nexport const %s = {\n", doc, name)
		for i := 0; i < len(members); i += 2 {
			fmt.Fprintf(&b, "  %s: %d,\n", members[i], members[i+1])
		}
		b.WriteString("} as const;\n\n")
	}
	enum("Event", "Package abi's events.", "connected", abi.EventConnected, "received", abi.EventReceived, "binary", abi.EventBinary,
		"disconnected", abi.EventDisconnected, "alarm", abi.EventAlarm, "answered", abi.EventAnswered, "paused", abi.EventPaused, "renewed", abi.EventRenewed,
		"hashed", abi.EventHashed,
		"verified", abi.EventVerified, "arranged", abi.EventArranged)
	b.WriteString("export type Event = (typeof Event)[keyof typeof Event];\n\n")
	enum("Effect", "Package abi's effects.", "send", abi.EffectSend, "forward", abi.EffectForward, "close", abi.EffectClose, "save", abi.EffectSave,
		"saveLater", abi.EffectSaveLater, "delete", abi.EffectDelete, "setAlarm", abi.EffectSetAlarm, "attach", abi.EffectAttach,
		"refused", abi.EffectRefused, "bounced", abi.EffectBounced, "renew", abi.EffectRenew, "hash", abi.EffectHash,
		"verify", abi.EffectVerify, "acted", abi.EffectActed, "seatEnded", abi.EffectSeatEnded)
	enum("Flag", "Package abi's flags.", "storageUnavailable", abi.FlagStorageUnavailable, "tooManyRooms", abi.FlagTooManyRooms)
	fmt.Fprintf(&b, "/** The length of a text that is the one before again. */\nexport const again = %d;\n\n", uint32(abi.Again))
	fmt.Fprintf(&b, "/** The size of the largest frame. */\nexport const frameBytes = %d;\n\n", protocol.MaxFrameBytes)
	fmt.Fprintf(&b, "/** The size of the buffer that takes a frame and the randomness behind it. */\nexport const inputBytes = %d;\n\n", abi.InputBytes)
	fmt.Fprintf(&b, "/** How often PBKDF2 iterates for a new passcode. */\nexport const passcodeIterations = %d;\n\n", room.PasscodeIterations)
	fmt.Fprintf(&b, "/** The size of the salt that a passcode is hashed with. */\nexport const saltBytes = %d;\n\n", room.SaltBytes)
	fmt.Fprintf(&b, "/** The size of the hash of a passcode. */\nexport const digestBytes = %d;\n\n", room.DigestBytes)
	fmt.Fprintf(&b, "/** The size of the randomness that comes with each frame. */\nexport const secretBytes = %d;\n", abi.SecretBytes)
	return b.String()
}
