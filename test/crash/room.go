package main

import (
	"fmt"
	"maps"
	"slices"

	"usher/protocol"
)

// room is one room as its worker knows it.
type room struct {
	id string
	history
	// sockets has those who are connected, by user id.
	sockets map[string]*socket
	// tokens has the resume tokens of everybody who was told one. A join in doubt
	// leaves a ghost: a seat that nobody can return to.
	tokens map[string]string
}

func newRoom(id string) *room {
	return &room{id: id, history: newHistory(state{}), sockets: map[string]*socket{}, tokens: map[string]string{}}
}

func (r *room) connected(user string) bool { return r.sockets[user] != nil }

// present are the ids of the connected, in the order of joining.
func (r *room) present() (users []string) {
	for _, seat := range r.now().seats {
		if r.connected(seat.id) {
			users = append(users, seat.id)
		}
	}
	return users
}

// away are the ids of those who could return.
func (r *room) away() (users []string) {
	for _, seat := range r.now().seats {
		if !r.connected(seat.id) && r.tokens[seat.id] != "" {
			users = append(users, seat.id)
		}
	}
	return users
}

// haunted: too many seats are ghosts, or one is the host and would stay it.
func (r *room) haunted() bool {
	s := r.now()
	ghosts := 0
	for _, seat := range s.seats {
		if r.tokens[seat.id] == "" {
			ghosts++
		}
	}
	return s.exists && (r.tokens[s.host] == "" || ghosts > 2)
}

// settle begins again with a state that was found after a restart.
func (r *room) settle(found state) {
	r.history = newHistory(found)
	maps.DeleteFunc(r.tokens, func(user, _ string) bool { return found.seatOf(user) < 0 })
}

// hangUp forgets the sockets, which are dead or about to be.
func (r *room) hangUp() {
	for _, s := range r.sockets {
		s.drop()
	}
	clear(r.sockets)
}

// change is something to ask of a room: the message, the state after it, and
// how participants are told of it.
type change struct {
	text    string
	message protocol.ClientMessage
	after   state
	told    func(*frame) bool
	// named is what a rename gives a name, "" for another change: of several renames of one thing
	// that wait for commits, others than the sender are told of the last only.
	named string
	// silent: the sender itself is not told. closes: it is told by a close with 1000.
	silent, closes bool
}

func (r *room) base(user string) protocol.BaseSignalingMessage {
	return protocol.BaseSignalingMessage{RoomID: r.id, UserID: user, Timestamp: 1}
}

func (r *room) renameRoom(s state, user, name string) change {
	return change{
		text:    fmt.Sprintf("RENAME_ROOM to %s", name),
		message: protocol.RenameRoomMessage{BaseSignalingMessage: r.base(user), NewRoomName: name},
		after:   s.renamed(name),
		told:    func(f *frame) bool { return f.Type == "ROOM_RENAMED" && f.NewRoomName == name },
		named:   "room",
	}
}

func (r *room) renameUser(s state, user, name string) change {
	return change{
		text:    fmt.Sprintf("RENAME_USER of %s to %s", user, name),
		message: protocol.RenameUserMessage{BaseSignalingMessage: r.base(user), NewUserName: name},
		after:   s.userRenamed(user, name),
		told:    func(f *frame) bool { return f.Type == "USER_RENAMED" && f.UserID == user && f.NewUserName == name },
		named:   "user " + user,
	}
}

func (r *room) changeMode(s state, user string) change {
	after := s.modeChanged()
	return change{
		text:    fmt.Sprintf("CONTROL_MODE_CHANGE to %s", after.mode),
		message: protocol.ControlModeChangeMessage{BaseSyncMessage: protocol.BaseSyncMessage{UserID: user, Timestamp: 1}, Mode: after.mode},
		after:   after,
		told:    func(f *frame) bool { return f.Type == "CONTROL_MODE_CHANGE" && f.Mode == after.mode },
		silent:  true,
	}
}

func (r *room) transfer(s state, user, target string) change {
	return change{
		text:    fmt.Sprintf("TRANSFER_HOST to %s", target),
		message: protocol.TransferHostMessage{BaseSignalingMessage: r.base(user), TargetUserID: target},
		after:   s.transferred(target),
		told:    func(f *frame) bool { return f.Type == "HOST_CHANGED" && f.NewHostID == target },
	}
}

func (r *room) leave(s state, user string) change {
	return change{
		text:    fmt.Sprintf("LEAVE_ROOM of %s", user),
		message: protocol.LeaveRoomMessage{BaseSignalingMessage: r.base(user)},
		after:   s.left(user, func(other string) bool { return other != user && r.connected(other) }),
		told:    func(f *frame) bool { return f.Type == "USER_LEFT" && f.LeftUserID == user },
		closes:  true,
	}
}

// enter is CREATE_ROOM if the room does not exist, and otherwise JOIN_ROOM.
func (r *room) enter(user, name string) change {
	s := r.now()
	c := change{told: func(f *frame) bool {
		return (f.Type == "ROOM_CREATED" || f.Type == "ROOM_JOINED") && f.UserID == user ||
			f.Type == "USER_JOINED" && f.JoinedUser.ID == user
	}}
	if s.exists {
		c.text = fmt.Sprintf("JOIN_ROOM of %s", user)
		c.message = protocol.JoinRoomMessage{BaseSignalingMessage: r.base(user), UserName: name, Protocol: protocol.Version}
		c.after = s.joined(user, name)
		return c
	}
	c.text = fmt.Sprintf("CREATE_ROOM by %s", user)
	c.message = protocol.CreateRoomMessage{BaseSignalingMessage: r.base(user), UserName: name, RoomName: "of " + name, Protocol: protocol.Version}
	c.after = s.created("of "+name, user, name)
	return c
}

// others are the users but one.
func others(users []string, but string) []string {
	return slices.DeleteFunc(slices.Clone(users), func(user string) bool { return user == but })
}
