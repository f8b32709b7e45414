package roomtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"usher/protocol"
	"usher/room"
)

func (r *Runner) print(event room.Event, e room.Effect) {
	name := func(id room.ConnID) string {
		if id == 0 {
			return "nobody"
		}
		return r.names[id-1]
	}
	switch e.Kind {
	case room.Send:
		fmt.Fprintf(&r.out, "%s < %s%s\n", name(e.Conn), r.frame(e.Frame), marks(e))
	case room.Forward:
		fmt.Fprintf(&r.out, "%s << %s\n", name(e.Conn), name(event.Conn))
	case room.Close:
		fmt.Fprintf(&r.out, "%s x %d\n", name(e.Conn), e.Code)
	case room.Save:
		r.out.WriteString("save\n")
	case room.SaveLater:
		r.out.WriteString("save later\n")
	case room.Delete:
		r.out.WriteString("delete\n")
	case room.Created:
		fmt.Fprintf(&r.out, "created %s\n", r.words[e.Address])
	case room.Ended:
		fmt.Fprintf(&r.out, "ended %s\n", r.words[e.Address])
	case room.SetAlarm:
		if e.AtMs == 0 {
			r.out.WriteString("alarm off\n")
			return
		}
		fmt.Fprintf(&r.out, "alarm %s\n", time.Duration(e.AtMs-r.nowMs)*time.Millisecond)
	case room.Ping:
		fmt.Fprintf(&r.out, "%s ping\n", name(e.Conn))
	case room.Verify:
		fmt.Fprintf(&r.out, "verify %s %s", name(e.Conn), e.Frame)
		if e.Ref != "" {
			fmt.Fprintf(&r.out, " ref=%s", e.Ref)
		}
		r.out.WriteString("\n")
	case room.Renew:
		fmt.Fprintf(&r.out, "%s renew: %s,%s\n", name(e.Conn), e.UserID, r.ago(e.AtMs))
	case room.SeatEnded:
		fmt.Fprintf(&r.out, "seat ended: %s,%s\n", e.UserID, r.ago(e.AtMs))
	case room.Hash:
		fmt.Fprintf(&r.out, "%s hash\n", name(e.Conn))
	case room.Report:
		fmt.Fprintf(&r.out, "report %s\n", r.occurrence(e.Occurrence))
	case room.Refused:
		fmt.Fprintf(&r.out, "%s refused %s\n", name(e.Conn), e.Refusal)
	case room.Acted:
		outcome := "done"
		if e.Refusal != "" {
			outcome = "refused " + string(e.Refusal)
		}
		if c := e.Creation; c != nil && c.KeepMs > 0 {
			outcome += fmt.Sprintf(" %s keepMs=%d", r.member("ownerToken", jsontext.Value(`"`+c.OwnerToken+`"`)), c.KeepMs)
		}
		fmt.Fprintf(&r.out, "operator %s\n", outcome)
	case room.Bounced:
		fmt.Fprintf(&r.out, "%s bounced %s\n", name(e.Conn), e.Refusal)
	}
}

// marks describes what a shell may do with a frame that waits for a Save.
func marks(e room.Effect) string {
	text := ""
	if e.Brief != nil {
		text += " [state may be left out]"
	}
	if e.Replaces != 0 {
		text += " [latest wins]"
	}
	return text
}

// frame describes a frame in a line: its type, then its members except those that are the same in
// every frame of the transcript.
func (r *Runner) frame(frame []byte) string {
	d := jsontext.NewDecoder(strings.NewReader(string(frame)))
	_, _ = d.ReadToken()
	var words []string
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return "broken: " + string(frame)
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return "broken: " + string(frame)
		}
		if word := r.member(key, value); word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func (r *Runner) member(key string, value jsontext.Value) string {
	text := string(value)
	switch {
	case key == "type":
		return strings.Trim(text, `"`)
	case key == "roomState":
		return r.state(value)
	case key == "resumeToken", key == "knockToken", key == "ownerToken":
		for _, name := range append(r.names, theOperator) {
			if text == `"`+token(key, name)+`"` {
				return key + "=$" + name
			}
		}
	case key == "door":
		var d protocol.Door
		if json.Unmarshal(value, &d) == nil {
			return "door=" + r.door(&d)
		}
	case key == "roomId" && text == `"`+RoomID+`"`, key == "userId" && text == `"`+protocol.SystemUserID+`"`,
		(key == "timestamp" || key == "serverTime") && text == fmt.Sprint(r.nowMs), key == "pingIntervalMs" && text == fmt.Sprint(r.config.PingIntervalMs):
		return ""
	case key == "expiresAt":
		var ms int64
		if json.Unmarshal(value, &ms) == nil {
			return "expiresAt=in-" + (time.Duration(ms-r.nowMs) * time.Millisecond).String()
		}
	case key == "bans":
		return "bans=" + r.bans(value)
	case key == "joinedUser":
		var u protocol.User
		if json.Unmarshal(value, &u) == nil {
			return "joinedUser=" + user(u)
		}
	}
	return key + "=" + text
}

// state describes a roomState: name, mode and people, then what differs from a new room.
func (r *Runner) state(value jsontext.Value) string {
	var s struct {
		ID, Name, HostID, ControlMode, FollowMode string
		Users                                     []protocol.User
		VideoState                                protocol.VideoState
		HostVideoState                            *protocol.VideoState
		HostCurrentURL, ICETransportPolicy        string
		Door                                      *protocol.Door
	}
	if err := json.Unmarshal(value, &s); err != nil {
		return "broken: " + string(value)
	}
	var people []string
	for _, u := range s.Users {
		if u.IsHost != (u.ID == s.HostID) {
			return "broken: isHost: " + string(value)
		}
		people = append(people, user(u))
	}
	text := fmt.Sprintf("{%q %s: %s", s.Name, s.ControlMode, strings.Join(people, " "))
	if s.VideoState.URL != "" || s.VideoState.CurrentTime != 0 || s.VideoState.IsPlaying {
		text += " video=" + r.video(s.VideoState)
	}
	if s.HostVideoState != nil {
		text += " host=" + r.video(*s.HostVideoState)
	}
	if s.HostCurrentURL != "" {
		text += " url=" + s.HostCurrentURL
	}
	if s.ICETransportPolicy != "" {
		text += " " + s.ICETransportPolicy + "-only"
	}
	if s.Door != nil && *s.Door != (protocol.Door{MaxPeople: r.config.MaxPeople}) {
		text += " door=" + r.door(s.Door)
	}
	return text + "}"
}

// bans tells who is banned, with the name if it is not the id, and since when.
func (r *Runner) bans(value jsontext.Value) string {
	var bans []protocol.Ban
	if err := json.Unmarshal(value, &bans); err != nil {
		return "broken: " + string(value)
	}
	words := make([]string, len(bans))
	for i, b := range bans {
		words[i] = user(protocol.User{ID: b.UserID, Name: b.UserName, IsConnected: true}) + "," + r.ago(b.BannedAt)
	}
	return "[" + strings.Join(words, " ") + "]"
}

func (r *Runner) ago(ms int64) string {
	return (time.Duration(r.nowMs-ms) * time.Millisecond).String() + "-ago"
}

func user(u protocol.User) string {
	text := u.ID
	if u.Name != u.ID {
		text += fmt.Sprintf("%q", u.Name)
	}
	if u.IsHost != (u.Role == protocol.Host) {
		text += " broken: role: " + u.Role.String()
	}
	switch u.Role {
	case protocol.Host:
		text += "*"
	case protocol.Cohost:
		text += "+"
	case protocol.Viewer:
		text += "-"
	}
	if !u.IsConnected {
		text = "(" + text + ")"
	}
	return text
}

func (r *Runner) video(v protocol.VideoState) string {
	word := "paused"
	if v.IsPlaying {
		word = "playing"
	}
	return fmt.Sprintf("%s@%gs,%s,%s", word, v.CurrentTime, r.ago(v.LastUpdated), v.URL)
}

// door tells the entry, and whatever else is not as in a new room.
func (r *Runner) door(d *protocol.Door) string {
	text := d.Entry.String()
	if d.HasPasscode {
		text += ",passcode"
	}
	if d.MaxPeople != r.config.MaxPeople {
		text += fmt.Sprintf(",max=%d", d.MaxPeople)
	}
	if d.Listed {
		text += ",listed"
	}
	return text
}
