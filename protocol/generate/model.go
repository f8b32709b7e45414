package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"usher/protocol"
)

// model is the protocol as the writers of each language see it.
type model struct {
	*source
	// folder is that of package protocol.
	folder                     string
	signaling, sync, responses []message
	// objects are what messages hold or inherit from, by name.
	objects map[string]*object
	// enums are the closed sets of strings that have a name, in order.
	enums []enum
}

type enum struct {
	name, doc string
	values    []string
}

// object is a struct with its fields, inherited ones first.
type object struct {
	name, doc string
	fields    []field
}

type field struct {
	name, doc string
	// owner is the struct that declares it, "" for what only Append adds.
	owner  string
	typ    reflect.Type
	format string
	enum   []string
	// optional: it may be missing; nullable: it may be null.
	optional, nullable bool
	// constant is what the server always says, "" if it varies.
	constant string
}

// message is an object with a type.
type message struct {
	object
	typ string
	// base is the name of the struct that it embeds, "" for none.
	base string
	// sample is one on the wire.
	sample []byte
}

func newModel(folder string) (*model, error) {
	src, err := readSource(folder)
	if err != nil {
		return nil, err
	}
	m := &model{source: src, folder: folder, objects: map[string]*object{}}
	m.addEnums()
	for _, c := range protocol.SignalingMessages() {
		m.signaling = append(m.signaling, m.message(c, c.Append(nil)))
	}
	for _, c := range protocol.SyncMessages() {
		m.sync = append(m.sync, m.message(c, c.Append(nil)))
	}
	for _, r := range protocol.ResponseMessages() {
		msg := m.message(r, r.Append(nil))
		if err := m.complete(&msg.object, msg.sample); err != nil {
			return nil, err
		}
		// without the fields that only some of its messages have
		if base := m.objects[msg.base]; base != nil {
			base.fields = slices.DeleteFunc(slices.Clone(msg.fields), func(f field) bool { return f.owner == msg.name })
		}
		m.responses = append(m.responses, msg)
	}
	for _, value := range []any{protocol.RoomState{}, protocol.RoomSummary{}} {
		m.object(reflect.TypeOf(value))
	}
	if err := m.completeRoomState(); err != nil {
		return nil, err
	}
	return m, m.check()
}

// check holds the structs to the decoder: what has omitempty need not be sent, and all else must. A
// timestamp need not, either, but all clients of the old backend send it, and their types say so.
func (m *model) check() error {
	for _, msg := range slices.Concat(m.signaling, m.sync) {
		if !accepts(msg.frame(nil)) {
			return fmt.Errorf("the decoder refuses the %s made of its struct: %s", msg.typ, msg.frame(nil))
		}
		for _, f := range msg.fields {
			if f.name != "timestamp" && msg.needs(f.name) == f.optional {
				return fmt.Errorf("%s.%s: optional is %t in the struct, but not for the decoder", msg.name, f.name, f.optional)
			}
		}
		for _, other := range slices.Concat(m.signaling, m.sync) {
			for _, f := range other.fields {
				known := slices.ContainsFunc(msg.fields, func(own field) bool { return own.name == f.name })
				if !known && msg.readsForeign(f.name) {
					return fmt.Errorf("the decoder looks at %s of %s, which the struct does not have", f.name, msg.typ)
				}
			}
		}
	}
	return nil
}

func (m *model) addEnums() {
	var modes, roles, entries, outcomes, reasons []string
	for _, c := range m.constants {
		switch c.kind {
		case "ControlMode":
			modes = append(modes, protocol.ControlMode(len(modes)).String())
		case "Role":
			roles = append(roles, protocol.Role(len(roles)).String())
		case "Entry":
			entries = append(entries, protocol.Entry(len(entries)).String())
		case "KnockOutcome":
			outcomes = append(outcomes, protocol.KnockOutcome(len(outcomes)).String())
		case "PathReason":
			reasons = append(reasons, protocol.PathReason(len(reasons)).String())
		}
	}
	m.enums = []enum{
		{"ControlMode", sentence("ControlMode", m.docs["ControlMode"]), modes},
		{"Role", sentence("Role", m.docs["Role"]), roles},
		{"Entry", sentence("Entry", m.docs["Entry"]), entries},
		{"KnockOutcome", sentence("KnockOutcome", m.docs["KnockOutcome"]), outcomes},
		{"PathReason", sentence("PathReason", m.docs["PathReason"]), reasons},
		{"FollowMode", "What a room's followMode may be. The server says only " + protocol.FollowMode + ".", []string{protocol.FollowMode, protocol.ManualFollow}},
	}
}

// enumOf is the enum that has these values.
func (m *model) enumOf(values []string) (enum, bool) {
	i := slices.IndexFunc(m.enums, func(e enum) bool { return slices.Equal(e.values, values) })
	if i < 0 {
		return enum{}, false
	}
	return m.enums[i], true
}

func (m *model) message(value any, sample []byte) message {
	t := reflect.TypeOf(value)
	msg := message{object: *m.object(t), sample: sample}
	var wire struct{ Type string }
	if err := json.Unmarshal(sample, &wire); err != nil {
		panic(fmt.Sprintf("%s encodes to %s", t.Name(), sample))
	}
	msg.typ = wire.Type
	if t.NumField() > 0 && t.Field(0).Anonymous {
		msg.base = t.Field(0).Name
		m.object(t.Field(0).Type)
	}
	// one struct for six types, which their constants name
	if playback, ok := value.(protocol.PlaybackMessage); ok {
		msg.fields = slices.Clone(msg.fields)
		kinds := slices.DeleteFunc(slices.Clone(m.constants), func(c named) bool { return c.kind != "Type" })
		name := kinds[playback.Type-1].name
		msg.name, msg.doc = name+"Message", sentence(name, m.docs[name])
		msg.fields = slices.DeleteFunc(msg.fields, func(f field) bool { return f.name == "type" })
		for i := range msg.fields {
			if f := &msg.fields[i]; f.name == "time" {
				f.optional, f.doc = !msg.needs("time"), "The position in seconds."
			}
		}
	}
	return msg
}

// object is the description of a struct type, made once.
func (m *model) object(t reflect.Type) *object {
	if known := m.objects[t.Name()]; known != nil {
		return known
	}
	o := &object{name: t.Name(), doc: sentence(t.Name(), m.docs[t.Name()])}
	m.objects[t.Name()] = o
	goNames := map[string]string{}
	for _, f := range reflect.VisibleFields(t) {
		if name := wireName(f); name != "" {
			goNames[f.Name] = name
		}
	}
	o.doc = onWire(o.doc, goNames)
	for _, f := range reflect.VisibleFields(t) {
		name := wireName(f)
		if name == "" {
			continue
		}
		owner := t
		for _, i := range f.Index[:len(f.Index)-1] {
			owner = owner.Field(i).Type
		}
		doc := sentence(f.Name, m.docs[owner.Name()+"."+f.Name])
		item := field{name: name, owner: owner.Name(), typ: f.Type, format: f.Tag.Get("format"), doc: onWire(doc, goNames)}
		if list := f.Tag.Get("enum"); list != "" {
			item.enum = strings.Split(list, ",")
		}
		item.optional = strings.HasSuffix(f.Tag.Get("json"), ",omitempty")
		if f.Type.Kind() == reflect.Pointer {
			item.nullable = !item.optional || f.Tag.Get("nullable") == "true"
			item.typ = f.Type.Elem()
		}
		for held := f.Type; ; held = held.Elem() {
			if held.Kind() == reflect.Struct && !f.Anonymous {
				m.object(held)
			}
			if held.Kind() != reflect.Slice && held.Kind() != reflect.Pointer {
				break
			}
		}
		o.fields = append(o.fields, item)
	}
	return o
}

func wireName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// complete adds what Append writes beyond the struct, in the order of the wire, and notes what may
// be null. The sample comes from a zero struct.
func (m *model) complete(o *object, sample []byte) error {
	keys, values, err := members(sample)
	if err != nil {
		return err
	}
	known := map[string]field{}
	for _, f := range o.fields {
		known[f.name] = f
	}
	var ordered []field
	for i, key := range keys {
		f, ok := known[key]
		switch {
		case key == "type" && len(ordered) == 0:
			continue
		case !ok:
			f = field{name: key, typ: reflect.TypeFor[string]()}
			if err := json.Unmarshal(values[i], &f.constant); err != nil {
				return fmt.Errorf("%s.%s is in no struct and no string: %w", o.name, key, err)
			}
			if f.constant == protocol.FollowMode {
				f.enum = m.enums[slices.IndexFunc(m.enums, func(e enum) bool { return e.name == "FollowMode" })].values
			}
			f.doc = fmt.Sprintf("Always %q.", f.constant)
		case f.optional:
			return fmt.Errorf("%s.%s has omitempty, and Append writes it where it is empty", o.name, key)
		}
		f.nullable = f.nullable || string(values[i]) == "null"
		delete(known, key)
		ordered = append(ordered, f)
	}
	for i, f := range o.fields {
		if _, left := known[f.name]; !left {
			continue
		}
		if !f.optional {
			return fmt.Errorf("%s.%s is not optional, and Append leaves it out where it is empty", o.name, f.name)
		}
		after := slices.IndexFunc(ordered, func(other field) bool { return i > 0 && other.name == o.fields[i-1].name })
		ordered = slices.Insert(ordered, after+1, f)
	}
	o.fields = ordered
	return nil
}

// completeRoomState: every message that has a roomState has the same.
func (m *model) completeRoomState() error {
	keys, values, err := members(protocol.RoomCreatedMessage{}.Append(nil))
	if err != nil {
		return err
	}
	return m.complete(m.objects["RoomState"], values[slices.Index(keys, "roomState")])
}

// members are the names and values of a JSON object, in order.
func members(text []byte) (keys []string, values []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		keys, values = append(keys, key.(string)), append(values, value)
	}
	return keys, values, nil
}
