package protocol

// The room as messages describe it.

// User is one participant as others see it.
type User struct {
	// ID names the participant in messages.
	ID string `json:"id" format:"user-id"`
	// Name is what the others call the participant.
	Name string `json:"name"`
	// IsHost is true for one participant of the room.
	IsHost bool `json:"isHost"`
	// Role is HOST if and only if IsHost is true.
	Role Role `json:"role"`
	// IsConnected is false while the seat is held after a lost connection.
	IsConnected bool `json:"isConnected"`
	// JoinedAt is the server's clock.
	JoinedAt int64 `json:"joinedAt"`
}

// VideoState is where a video was at LastUpdated; while it plays, the position now is CurrentTime +
// (server time - LastUpdated)/1000 * PlaybackRate.
type VideoState struct {
	// IsPlaying is false while the video is paused.
	IsPlaying bool `json:"isPlaying"`
	// CurrentTime is the position in seconds.
	CurrentTime float64 `json:"currentTime" format:"seconds"`
	// Duration is the video's length in seconds.
	Duration float64 `json:"duration" format:"seconds"`
	// PlaybackRate is 1 for the normal speed.
	PlaybackRate float64 `json:"playbackRate"`
	// URL names the video, empty until somebody has named it.
	URL string `json:"url"`
	// LastUpdated is the server's clock.
	LastUpdated int64 `json:"lastUpdated"`
}

// RoomState is the room as every participant sees it.
type RoomState struct {
	// ID names the room: whoever knows it may join.
	ID string `json:"id" format:"room-id"`
	// Name is what the host calls the room.
	Name string `json:"name"`
	// HostID is the id of the user that is host.
	HostID string `json:"hostId" format:"user-id"`
	// Users are in the order of joining.
	Users []User `json:"users"`
	// ControlMode says who may control playback.
	ControlMode ControlMode `json:"controlMode"`
	// VideoState is the last state that the room's messages reported.
	VideoState VideoState `json:"videoState"`
	// HostVideoState is null until the host or a cohost has reported one.
	HostVideoState *VideoState `json:"hostVideoState"`
	// HostCurrentURL is where the host or a cohost last took everybody, null before that.
	HostCurrentURL string `json:"hostCurrentUrl"`
	// ICETransportPolicy is relay, or missing: then participants may connect by any way.
	ICETransportPolicy string `json:"iceTransportPolicy,omitempty" enum:"relay"`
	// CreatedAt is the server's clock.
	CreatedAt int64 `json:"createdAt"`
	// LastActivity is when somebody last sent anything but a PING.
	LastActivity int64 `json:"lastActivity"`
	// Door is only there for a receiver that sent "protocol":1.
	Door *Door `json:"door,omitempty"`
}

// Ban is one participant whom a room keeps out.
type Ban struct {
	UserID string `json:"userId" format:"user-id"`
	// UserName is the name that the participant had.
	UserName string `json:"userName"`
	// BannedAt is the server's clock.
	BannedAt int64 `json:"bannedAt"`
}

// FollowMode is the room state's followMode; the server sends only this one.
const FollowMode = "AUTO_FOLLOW"

// ManualFollow is the other followMode that legacy clients know.
const ManualFollow = "MANUAL_FOLLOW"

func (s *RoomState) appendOptional(dst []byte) []byte {
	if s == nil {
		return dst
	}
	return s.append(dst)
}

func (s *RoomState) append(dst []byte) []byte {
	dst = append(dst, `,"roomState":{"id":`...)
	dst = appendQuoted(dst, s.ID)
	dst = appendString(dst, "name", s.Name)
	dst = appendString(dst, "hostId", s.HostID)
	dst = append(appendName(dst, "users"), '[')
	for i := range s.Users {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.Users[i].append(dst)
	}
	dst = append(dst, ']')
	dst = appendString(dst, "controlMode", s.ControlMode.String())
	dst = appendString(dst, "followMode", FollowMode)
	dst = s.VideoState.append(appendName(dst, "videoState"))
	dst = appendName(dst, "hostVideoState")
	if s.HostVideoState != nil {
		dst = s.HostVideoState.append(dst)
	} else {
		dst = append(dst, "null"...)
	}
	if s.HostCurrentURL != "" {
		dst = appendString(dst, "hostCurrentUrl", s.HostCurrentURL)
	} else {
		dst = append(appendName(dst, "hostCurrentUrl"), "null"...)
	}
	dst = appendOptional(dst, "iceTransportPolicy", s.ICETransportPolicy)
	dst = appendInt(dst, "createdAt", s.CreatedAt)
	return append(s.Door.append(appendInt(dst, "lastActivity", s.LastActivity)), '}')
}

func (u *User) append(dst []byte) []byte {
	dst = appendQuoted(append(dst, `{"id":`...), u.ID)
	dst = appendString(dst, "name", u.Name)
	dst = appendBool(dst, "isHost", u.IsHost)
	dst = appendString(dst, "role", u.Role.String())
	dst = appendBool(dst, "isConnected", u.IsConnected)
	return append(appendInt(dst, "joinedAt", u.JoinedAt), '}')
}

func (v *VideoState) append(dst []byte) []byte {
	dst = append(dst, `{"isPlaying":`...)
	if v.IsPlaying {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "false"...)
	}
	dst = appendFloat(dst, "currentTime", v.CurrentTime)
	dst = appendFloat(dst, "duration", v.Duration)
	dst = appendFloat(dst, "playbackRate", v.PlaybackRate)
	dst = appendString(dst, "url", v.URL)
	return append(appendInt(dst, "lastUpdated", v.LastUpdated), '}')
}

func (b *Ban) append(dst []byte) []byte {
	dst = appendQuoted(append(dst, `{"userId":`...), b.UserID)
	dst = appendString(dst, "userName", b.UserName)
	return append(appendInt(dst, "bannedAt", b.BannedAt), '}')
}
