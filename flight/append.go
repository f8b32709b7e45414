package flight

import (
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"usher/protocol"
)

// appendEntry appends the JSON of an entry. The events of a join and a leave, which are most, are
// written here: by reflection they took a twentieth of the CPU of a join.
func appendEntry(dst []byte, e *Entry) ([]byte, error) {
	if !e.isPlain() {
		text, err := json.Marshal(e, byName)
		return append(dst, text...), err
	}
	o := object{b: append(dst, `{"atMs":`...)}
	o.b = strconv.AppendInt(o.b, e.AtMs, 10)
	o.quote(`,"kind":`, e.Kind)
	o.number(`,"conn":`, e.Conn)
	o.integer(`,"size":`, int64(e.Size))
	o.flag(`,"typeFirst":true`, e.TypeFirst)
	if e.Message != nil {
		o.b = append(o.b, `,"message":`...)
		o.message(e.Message)
	}
	o.number(`,"address":`, e.Address)
	o.bytes(`,"secret":"`, e.Secret)
	o.bytes(`,"ownerSecret":"`, e.OwnerSecret)
	o.number(`,"closeCode":`, uint64(e.CloseCode))
	o.integer(`,"eventMs":`, e.EventMs)
	o.text(`,"refuse":`, string(e.Refuse))
	o.text(`,"refuseCreate":`, string(e.RefuseCreate))
	o.text(`,"refuseSeat":`, string(e.RefuseSeat))
	o.flag(`,"holdsComplete":true`, e.HoldsComplete)
	if len(e.Effects) > 0 {
		o.b = append(o.b, `,"effects":[`...)
		for i := range e.Effects {
			o.effect(&e.Effects[i])
			o.b = append(o.b, ',')
		}
		o.b[len(o.b)-1] = ']'
	}
	return append(o.b, '}'), o.err
}

// isPlain reports whether the entry has only what appendEntry writes itself.
func (e *Entry) isPlain() bool {
	if e.Refused != nil || e.Identity != nil || e.Verdict != nil || e.Arrangement != nil || e.Act != nil || e.Hash != nil || e.Panicked {
		return false
	}
	m := e.Message
	if m == nil {
		return true
	}
	// What is written is taken out, and nothing may be left.
	rest := *m
	rest.Type, rest.Ref, rest.RoomID, rest.UserID, rest.UserName, rest.RoomName = "", "", nil, "", "", ""
	rest.ResumeToken, rest.KeepMs, rest.Protocol, rest.ShowsAddress = nil, 0, 0, false
	return rest == Message{}
}

// object is the JSON of an object under way.
type object struct {
	b   []byte
	err error
}

// The methods append a member unless its value is zero; name is what precedes the value.

func (o *object) number(name string, n uint64) {
	if n != 0 {
		o.b = strconv.AppendUint(append(o.b, name...), n, 10)
	}
}

func (o *object) integer(name string, n int64) {
	if n != 0 {
		o.b = strconv.AppendInt(append(o.b, name...), n, 10)
	}
}

func (o *object) flag(member string, is bool) {
	if is {
		o.b = append(o.b, member...)
	}
}

func (o *object) text(name, text string) {
	if text != "" {
		o.quote(name, text)
	}
}

func (o *object) optional(name string, text *string) {
	if text != nil {
		o.quote(name, *text)
	}
}

func (o *object) quote(name, text string) {
	b, err := jsontext.AppendQuote(append(o.b, name...), text)
	if o.b = b; err != nil {
		o.err = err
	}
}

func (o *object) bytes(name string, bytes *[protocol.TokenBytes]byte) {
	if bytes != nil {
		o.b = append(base64.StdEncoding.AppendEncode(append(o.b, name...), bytes[:]), '"')
	}
}

func (o *object) message(m *Message) {
	o.quote(`{"type":`, m.Type)
	o.text(`,"ref":`, m.Ref)
	o.optional(`,"roomId":`, m.RoomID)
	o.text(`,"userId":`, m.UserID)
	o.text(`,"userName":`, m.UserName)
	o.text(`,"roomName":`, m.RoomName)
	o.optional(`,"resumeToken":`, m.ResumeToken)
	o.integer(`,"keepMs":`, m.KeepMs)
	o.integer(`,"protocol":`, int64(m.Protocol))
	o.flag(`,"showsAddress":true`, m.ShowsAddress)
	o.b = append(o.b, '}')
}

func (o *object) effect(e *Effect) {
	o.quote(`{"do":`, e.Do)
	for i, to := range e.To {
		if i == 0 {
			o.b = append(o.b, `,"to":[`...)
		}
		o.b = append(strconv.AppendUint(o.b, to, 10), ',')
	}
	if len(e.To) > 0 {
		o.b[len(o.b)-1] = ']'
	}
	o.text(`,"type":`, e.Type)
	o.integer(`,"size":`, int64(e.Size))
	o.number(`,"code":`, uint64(e.Code))
	o.text(`,"refusal":`, string(e.Refusal))
	o.integer(`,"atMs":`, e.AtMs)
	o.b = append(o.b, '}')
}
