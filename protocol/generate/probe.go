package main

import (
	"reflect"
	"strconv"

	"usher/protocol"
)

// The generator asks the decoder what it accepts, so that neither repeats the other's tables.

func accepts(frame []byte) bool {
	_, err := protocol.Decode(frame)
	return err == nil
}

// needs reports whether the decoder refuses the message without the field.
func (msg *message) needs(name string) bool {
	return !msg.allows(name, "")
}

// reads reports whether the decoder looks at the field; what it does not read is an unknown field
// to it.
func (msg *message) reads(name string) bool {
	return !msg.allows(name, "[]")
}

// readsForeign says the same of a field that the message does not have.
func (msg *message) readsForeign(name string) bool {
	frame := msg.frame(nil)
	return !accepts(append(frame[:len(frame)-1], `,"`+name+`":[]}`...))
}

// allows reports whether the decoder accepts the message with this value of a field, in JSON or ""
// for none.
func (msg *message) allows(name, value string) bool {
	return accepts(msg.frame(map[string]string{name: value}))
}

// frame is a message with every field, as JSON; "" leaves one out.
func (msg *message) frame(changed map[string]string) []byte {
	frame := []byte(`{"type":` + strconv.Quote(msg.typ))
	for _, f := range msg.fields {
		value, ok := changed[f.name]
		if !ok {
			value = f.example()
		}
		if value != "" {
			frame = append(frame, `,"`+f.name+`":`+value...)
		}
	}
	return append(frame, '}')
}

// example is a value that a field may have, as JSON.
func (f *field) example() string {
	switch {
	case f.format == "room-id":
		return `"room-1"`
	case f.format == "user-id":
		return `"ann"`
	case f.enum != nil:
		return strconv.Quote(f.enum[0])
	}
	switch f.typ.Kind() {
	case reflect.String:
		return `"text"`
	case reflect.Struct:
		return "{}"
	case reflect.Bool:
		return "true"
	}
	return "1"
}
