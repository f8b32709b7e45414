package protocol

// PathReportMessage tells the room how the sender reaches another participant, or what it has
// tried, without addresses. When both have said so, or one has and nothing can be expected of the
// other, the room tells both by PATH why there is no direct path, if there is none.
type PathReportMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	// Path is how media and data pass: DIRECT, RELAYED by a TURN server, or NONE if ICE has failed.
	Path string `json:"path" enum:"DIRECT,RELAYED,NONE"`
	// HostCandidates are the sender's candidates of type host: addresses, or only mDNS names, which
	// resolve within one network.
	HostCandidates string `json:"hostCandidates" enum:"NONE,MDNS,ADDRESS"`
	// Family is that of the sender's candidates, missing if no candidate shows it.
	Family string `json:"family,omitempty" enum:"IPV4,IPV6,BOTH"`
	// STUN is NONE if the sender has no STUN or TURN server, ANSWERED if one has told it its
	// address, otherwise SILENT.
	STUN string `json:"stun" enum:"NONE,ANSWERED,SILENT"`
	// TURN is NONE if the sender has no TURN server, ALLOCATED if one relays for it, otherwise
	// FAILED.
	TURN string `json:"turn" enum:"NONE,ALLOCATED,FAILED"`
}

// PathMessage tells two participants why they have no direct path, or that they have one. It comes
// again when the reason changes.
type PathMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// OtherUserID is the other one of the two.
	OtherUserID string `json:"otherUserId" format:"user-id"`
	// Reason is stable; branch on it.
	Reason PathReason `json:"reason"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// PathReason is why two participants have no direct path.
type PathReason uint8

// The reasons. A row of PathReasons says what each means.
const (
	PathDirect PathReason = iota
	PathRelayed
	PathNoSTUN
	PathMDNSOnly
	PathUDPBlocked
	PathNoCommonFamily
	PathNoTURN
	PathTURNFailed
	PathSymmetricNAT
	PathBlocked
	PathPeerSilent
)

// PathReasons has the name of each reason on the wire and what it means. The metrics and the
// document have their rows from it.
var PathReasons = [...]struct{ Name, Meaning string }{
	PathDirect:         {"DIRECT", "They reach each other directly."},
	PathRelayed:        {"RELAYED", "A TURN server relays between them, because no direct path works or the room hides addresses."},
	PathNoSTUN:         {"NO_STUN", "One has no STUN server, so nobody outside of its network learns how to reach it."},
	PathMDNSOnly:       {"MDNS_ONLY", "One has no STUN server and shows only mDNS names, which resolve within one network."},
	PathUDPBlocked:     {"UDP_BLOCKED", "No STUN server responds to one: its network lets no UDP out."},
	PathNoCommonFamily: {"NO_COMMON_FAMILY", "One has only IPv4, the other only IPv6, and TURN does not bridge them."},
	PathNoTURN:         {"NO_TURN", "The room hides addresses, and one has no TURN server."},
	PathTURNFailed:     {"TURN_FAILED", "No direct path works, and a TURN server gave one no relayed address."},
	PathSymmetricNAT:   {"SYMMETRIC_NAT", "Both know their public addresses, but a NAT or firewall between them does not let the other in. TURN would help."},
	PathBlocked:        {"BLOCKED", "Not even their relayed addresses reach each other."},
	PathPeerSilent:     {"PEER_SILENT", "One has no path, and the other does not report: a legacy client, or one that is away."},
}

// String returns the reason's name on the wire.
func (r PathReason) String() string { return PathReasons[r].Name }

// PathReport is what PATH_REPORT says, each field the index of its name.
type PathReport struct{ Path, Host, Family, STUN, TURN uint8 }

// The values of PathReport's fields.
const (
	DirectPath, RelayedPath, NoPath         = 0, 1, 2
	NoHosts, OnlyMDNS, HostAddresses        = 0, 1, 2
	UnknownFamily, OnlyIPv4, OnlyIPv6, Both = 0, 1, 2, 3
	NoSTUN, STUNAnswered, STUNSilent        = 0, 1, 2
	NoTURN, TURNAllocated, TURNFailed       = 0, 1, 2
)

var (
	pathNames   = [...]string{"DIRECT", "RELAYED", "NONE"}
	hostNames   = [...]string{"NONE", "MDNS", "ADDRESS"}
	familyNames = [...]string{UnknownFamily: "", OnlyIPv4: "IPV4", OnlyIPv6: "IPV6", Both: "BOTH"}
	stunNames   = [...]string{"NONE", "ANSWERED", "SILENT"}
	turnNames   = [...]string{"NONE", "ALLOCATED", "FAILED"}
)

// read reads one field.
func (p *PathReport) read(f field, value []byte) (ok bool) {
	switch f {
	case fieldPath:
		p.Path, ok = indexOf(value, pathNames[:])
	case fieldHosts:
		p.Host, ok = indexOf(value, hostNames[:])
	case fieldFamily:
		p.Family, ok = indexOf(value, familyNames[:])
	case fieldSTUN:
		p.STUN, ok = indexOf(value, stunNames[:])
	case fieldTURN:
		p.TURN, ok = indexOf(value, turnNames[:])
	}
	return ok
}

// indexOf returns the place of a name in a list.
func indexOf(value []byte, names []string) (uint8, bool) {
	text, ok := unquote(value)
	for i, name := range names {
		if ok && name != "" && string(text) == name {
			return uint8(i), true
		}
	}
	return 0, false
}

// Append implements ClientMessage.
func (m PathReportMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, ReportPath), "targetUserId", m.TargetUserID)
	dst = appendString(dst, "path", m.Path)
	dst = appendString(dst, "hostCandidates", m.HostCandidates)
	dst = appendOptional(dst, "family", m.Family)
	dst = appendString(dst, "stun", m.STUN)
	return append(appendString(dst, "turn", m.TURN), '}')
}

// ResponseType implements ResponseMessage.
func (PathMessage) ResponseType() string { return "PATH" }

// Append implements ResponseMessage.
func (m PathMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "otherUserId", m.OtherUserID)
	return append(appendString(dst, "reason", m.Reason.String()), '}')
}
