package protocol

// KickUserMessage ends another participant's seat, also one that is held. Host, and cohosts for
// guests and viewers. Answered by KICKED to the participant and USER_LEFT to all others.
type KickUserMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	// Ban keeps the participant out until UNBAN_USER or the end of the room.
	Ban bool `json:"ban,omitempty"`
	// Reason is shown to the participant.
	Reason string `json:"reason,omitempty" format:"reason"`
	// Ref comes back in the sender's USER_LEFT, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// UnbanUserMessage lifts a ban. Host and cohosts. Answered by BANS, as they are then.
type UnbanUserMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	// Ref comes back in BANS, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// ListBansMessage asks who is banned. Host and cohosts. Answered by BANS.
type ListBansMessage struct {
	BaseSignalingMessage
	// Ref comes back in BANS, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// Append implements ClientMessage.
func (m KickUserMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, KickUser), "targetUserId", m.TargetUserID)
	if m.Ban {
		dst = appendBool(dst, "ban", true)
	}
	return appendRef(appendOptional(dst, "reason", m.Reason), m.Ref)
}

func (m UnbanUserMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, UnbanUser), "targetUserId", m.TargetUserID), m.Ref)
}

func (m ListBansMessage) Append(dst []byte) []byte { return appendRef(m.open(dst, ListBans), m.Ref) }
