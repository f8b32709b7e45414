package abi

import (
	"math"
	"strconv"
	"strings"

	"usher/room"
)

// configure changes the config by lines of "name value". It returns "", or what is wrong with
// them.
func configure(config *room.Config, settings []byte) string {
	for line := range strings.Lines(string(settings)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if problem := set(config, name, value); problem != "" {
			return problem
		}
	}
	for _, setting := range config.Settings() {
		if !setting.Valid() {
			return setting.Name + " must be " + strconv.FormatInt(setting.Low, 10) + " to " + strconv.FormatInt(setting.High, 10) +
				", not " + strconv.FormatInt(setting.Value(), 10)
		}
	}
	return ""
}

func set(config *room.Config, name, value string) string {
	if name == "identity-required" {
		config.IdentityRequired = value == "true"
		return ""
	}
	if name == "tokenless-rejoin" {
		rejoin, ok := room.ParseTokenlessRejoin(value)
		if !ok {
			return "tokenless-rejoin must be address, anywhere or never"
		}
		config.TokenlessRejoin = rejoin
		return ""
	}
	if name == "ice-renew" {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return "ice-renew must be a whole number"
		}
		config.ICERenewMs = n
		return ""
	}
	for _, setting := range config.Settings() {
		if setting.Name != name {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return name + " must be a whole number"
		}
		setting.Set(n)
		return ""
	}
	return "there is no setting " + name
}

// Again is the length of a Send's text that is the same as the one before.
const Again = math.MaxUint32

// The effects, as the first byte of each.
const (
	EffectSend = iota + 1
	EffectForward
	EffectClose
	EffectSave
	EffectSaveLater
	EffectDelete
	EffectSetAlarm
	EffectAttach
	EffectRefused
	EffectBounced
	EffectRenew
	EffectHash
	EffectVerify
	EffectActed
	EffectSeatEnded
)

// appendEffects encodes the effects of a Step. Created, Ended, Stands, Ping, Report and what is for
// the metrics are left out: the platform's limits count rooms and sockets, it cannot ping, and
// Config.Report is not set.
func (rs *Rooms) appendEffects(e *entry) {
	out := rs.output
	var before []byte
	for i := range rs.effects {
		effect := &rs.effects[i]
		switch effect.Kind {
		case room.Send:
			out = appendFloat64(append(out, EffectSend), float64(effect.Conn))
			if len(before) > 0 && &before[0] == &effect.Frame[0] {
				out = appendUint32(out, Again)
			} else {
				out = appendText(out, effect.Frame)
			}
			before = effect.Frame
		case room.Forward:
			out = appendFloat64(append(out, EffectForward), float64(effect.Conn))
		case room.Close:
			out = appendFloat64(append(out, EffectClose), float64(effect.Conn))
			out = append(out, byte(effect.Code), byte(effect.Code>>8))
		case room.Save:
			out = rs.appendSnapshot(append(out, EffectSave), e)
		case room.SaveLater:
			out = rs.appendSnapshot(append(out, EffectSaveLater), e)
		case room.Delete:
			out = append(out, EffectDelete)
		case room.SetAlarm:
			out = appendFloat64(append(out, EffectSetAlarm), float64(effect.AtMs))
		case room.Attach:
			out = appendFloat64(append(out, EffectAttach), float64(effect.Conn))
			start := len(out)
			out = e.room.AppendAttachment(appendUint32(out, 0), effect.Conn)
			fillLength(out, start)
		case room.Hash:
			out = appendHash(appendFloat64(append(out, EffectHash), float64(effect.Conn)), effect.Hash)
		case room.Verify:
			out = appendUint32(appendFloat64(append(out, EffectVerify), float64(effect.Conn)), effect.Number)
			out = appendText(appendText(out, effect.Ref), effect.Frame)
		case room.SeatEnded:
			out = appendText(appendFloat64(append(out, EffectSeatEnded), float64(effect.AtMs)), effect.UserID)
		case room.Acted:
			out = appendActed(append(out, EffectActed), effect)
		case room.Refused:
			out = appendText(appendFloat64(append(out, EffectRefused), float64(effect.Conn)), effect.Refusal)
		case room.Bounced:
			out = appendText(appendFloat64(append(out, EffectBounced), float64(effect.Conn)), effect.Refusal)
		case room.Renew:
			out = appendFloat64(appendFloat64(append(out, EffectRenew), float64(effect.Conn)), float64(effect.AtMs))
			out = appendText(out, effect.UserID)
		}
	}
	rs.output = out
}

// appendActed puts out what came of an arrangement.
func appendActed(out []byte, effect *room.Effect) []byte {
	made := effect.Creation
	if made == nil {
		made = new(room.Creation)
	}
	out = appendText(out, effect.Refusal)
	for _, ms := range [...]int64{made.CreatedAtMs, made.EndsAtMs, made.KeepMs} {
		out = appendFloat64(out, float64(ms))
	}
	return appendText(out, made.OwnerToken)
}

// appendHash puts out a request for a hash.
func appendHash(out []byte, request *room.HashRequest) []byte {
	out = appendUint32(appendUint32(out, request.Number), uint32(request.Iterations))
	salt := []byte(nil)
	if request.Salt != nil {
		salt = request.Salt[:]
	}
	return appendText(appendText(out, salt), request.Passcode)
}

// hashBytes is what precedes the frame in the input of EventHashed: whether there is a hash, the
// salt and the hash.
const hashBytes = 1 + room.SaltBytes + room.DigestBytes

func hashResult(input []byte, number float64) *room.HashResult {
	result := &room.HashResult{Number: uint32(number), Failed: input[0] == 0}
	copy(result.Salt[:], input[1:])
	copy(result.Digest[:], input[1+room.SaltBytes:])
	return result
}

// appendSnapshot puts out the room as it is.
func (rs *Rooms) appendSnapshot(out []byte, e *entry) []byte {
	start := len(out)
	out = e.room.AppendSnapshot(appendUint32(out, 0))
	fillLength(out, start)
	rs.bytes -= e.bytes
	e.bytes = len(out) - start
	rs.bytes += e.bytes
	return out
}

func fillLength(out []byte, at int) { appendUint32(out[:at], uint32(len(out)-at-4)) }

func appendText[T ~string | []byte](out []byte, text T) []byte {
	return append(appendUint32(out, uint32(len(text))), text...)
}

func appendUint32(out []byte, n uint32) []byte {
	return append(out, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func appendFloat64(out []byte, f float64) []byte {
	bits := math.Float64bits(f)
	return appendUint32(appendUint32(out, uint32(bits)), uint32(bits>>32))
}

// reader decodes the input; after the first invalid value it is bad and returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (in *reader) take(n int) []byte {
	if in.bad || n > len(in.b) {
		in.bad = true
		return nil
	}
	taken := in.b[:n]
	in.b = in.b[n:]
	return taken
}

func (in *reader) byte() byte {
	for _, b := range in.take(1) {
		return b
	}
	return 0
}

func (in *reader) uint64() (n uint64) {
	for i, b := range in.take(8) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func (in *reader) float64() float64 { return math.Float64frombits(in.uint64()) }

func (in *reader) text() []byte {
	n := 0
	for i, b := range in.take(4) {
		n |= int(b) << (8 * i)
	}
	return in.take(n)
}
