package flight

import (
	"fmt"
	"strings"
)

// What is what happened in a few words: the type of a message, or the kind of event.
func (e *Entry) What() string {
	switch {
	case e.Refused != nil:
		return "no message: " + string(e.Refused.Code)
	case e.Message != nil && e.Kind == "hashed":
		return "hashed for " + e.Message.Type
	case e.Message != nil:
		return e.Message.Type
	case e.CloseCode != 0:
		return fmt.Sprintf("%s, %d", e.Kind, e.CloseCode)
	case e.EventMs != 0 && e.Kind == "paused":
		return fmt.Sprintf("paused for %d ms", e.EventMs)
	}
	return e.Kind
}

// Refusals are the reasons that the shell gave for what may not happen, "" for none.
func (e *Entry) Refusals() string {
	var given []string
	for _, code := range []string{string(e.Refuse), string(e.RefuseCreate), string(e.RefuseSeat)} {
		if code != "" {
			given = append(given, code)
		}
	}
	return strings.Join(given, " ")
}

// String describes an effect in a few words.
func (e Effect) String() string {
	var b strings.Builder
	b.WriteString(e.Do)
	if e.Type != "" {
		b.WriteString(" " + e.Type)
	}
	if e.Refusal != "" {
		b.WriteString(" " + string(e.Refusal))
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, " %d", e.Code)
	}
	if e.Size > 0 {
		fmt.Fprintf(&b, " %d B", e.Size)
	}
	for i, to := range e.To {
		if i == 0 {
			b.WriteString(" →")
		}
		if i == 8 {
			fmt.Fprintf(&b, " and %d more", len(e.To)-i)
			break
		}
		fmt.Fprintf(&b, " %d", to)
	}
	return b.String()
}

// Describe is what the room did, in a line.
func Describe(effects []Effect) string {
	words := make([]string, len(effects))
	for i, e := range effects {
		words[i] = e.String()
	}
	return strings.Join(words, "; ")
}
