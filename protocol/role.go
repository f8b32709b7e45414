package protocol

// Role is what a participant may do in a room.
type Role uint8

// The roles. The zero value is the role of whoever joins a room that has a host.
const (
	Guest Role = iota
	Viewer
	Cohost
	Host
)

var roleNames = [...]string{Guest: "GUEST", Viewer: "VIEWER", Cohost: "COHOST", Host: "HOST"}

// String returns the role's name on the wire.
func (r Role) String() string { return roleNames[r] }

// UnmarshalText implements encoding.TextUnmarshaler, for programs that read what the server sends.
func (r *Role) UnmarshalText(name []byte) error {
	for known := range roleNames {
		if string(name) == roleNames[known] {
			*r = Role(known)
			return nil
		}
	}
	return &DecodeError{CodeInvalidMessage, "no such role"}
}

// settableRole reads a role that SET_ROLE may give: any but HOST.
func settableRole(value []byte) (Role, bool) {
	name, _ := unquote(value)
	for r := range Host {
		if string(name) == roleNames[r] {
			return r, true
		}
	}
	return 0, false
}
