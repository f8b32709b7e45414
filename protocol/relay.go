package protocol

// Relay holds what an offer, answer or candidate states about itself, pointing into its frame.
type Relay struct {
	Type                         Type
	RoomID, UserID, TargetUserID []byte
}

// DecodeRelay reads an offer, answer or candidate as clients usually write it, and reports false
// for everything else, which needs Decode. The ids are not checked: they are of use only if they
// equal ids that have been.
func DecodeRelay(frame []byte, r *Relay) bool {
	var raw members
	if !scan(frame, &raw) {
		return false
	}
	var payload []byte
	switch string(raw[fieldType]) {
	case `"WEBRTC_OFFER"`:
		r.Type, payload = WebRTCOffer, raw[fieldOffer]
	case `"WEBRTC_ANSWER"`:
		r.Type, payload = WebRTCAnswer, raw[fieldAnswer]
	case `"WEBRTC_ICE_CANDIDATE"`:
		r.Type, payload = WebRTCIceCandidate, raw[fieldCandidate]
	default:
		return false
	}
	timestamp := raw[fieldTimestamp]
	if len(payload) == 0 || payload[0] != '{' || len(timestamp) > 0 && timestamp[0] != '-' && timestamp[0]-'0' > 9 {
		return false
	}
	r.RoomID, r.UserID, r.TargetUserID = raw[fieldRoomID], raw[fieldUserID], raw[fieldTargetUserID]
	return bare(&r.RoomID) && bare(&r.UserID) && bare(&r.TargetUserID)
}

// bare removes the quotes of a string. One with escapes is left unchanged: it equals no id.
func bare(value *[]byte) bool {
	v := *value
	if len(v) < 2 || v[0] != '"' {
		return false
	}
	*value = v[1 : len(v)-1]
	return true
}
