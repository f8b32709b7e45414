package room

// doorTemplates are the frames about doors and knocks among the templates.
var doorTemplates = []string{
	`{"type":"SET_DOOR","roomId":"room-1","userId":"u%d","entry":"KNOCK","listed":true}`,
	`{"type":"SET_DOOR","roomId":"room-1","userId":"u%d","entry":"KNOCK"}`,
	`{"type":"SET_DOOR","roomId":"room-1","userId":"u%d","passcode":"pass"}`,
	`{"type":"SET_DOOR","roomId":"room-1","userId":"u%d","entry":"OPEN","passcode":null}`,
	`{"type":"SET_DOOR","roomId":"room-1","userId":"u%d","entry":"LOCKED","maxPeople":3}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"passcode":"pass"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"passcode":"wrong!"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"passcode":"fails"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"knockToken":"AwAAAAAAAAAAAAAAAAAAAA"}`,
	`{"type":"CREATE_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"door":{"entry":"KNOCK"}}`,
	`{"type":"CREATE_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"door":{"passcode":"pass"}}`,
	`{"type":"ADMIT","roomId":"room-1","userId":"u%d","targetUserId":"u2"}`,
	`{"type":"ADMIT","roomId":"room-1","userId":"u%d","targetUserId":"u3"}`,
	`{"type":"DENY","roomId":"room-1","userId":"u%d","targetUserId":"u3"}`,
}

// doorTemplate is the number of a door template among all.
func doorTemplate(n int) byte { return byte(len(templates) - len(doorTemplates) + n) }

// hashed answers a Hash, with the passcode itself.
func hashed(event Event, request *HashRequest) Event {
	result := &HashResult{Number: request.Number, Failed: len(request.Passcode)%5 == 0}
	if request.Salt != nil {
		result.Salt = *request.Salt
	}
	copy(result.Digest[:], request.Passcode)
	return Event{Kind: Hashed, Conn: event.Conn, Message: event.Message, Secret: event.Secret, OwnerSecret: event.OwnerSecret, Hash: result}
}

// hashEvent is the hash that was asked for first, or a new connection if there is none.
func (w *world) hashEvent(address byte) Event {
	if len(w.hashes) == 0 {
		return Event{Kind: Connected, Address: uint64(address)}
	}
	event := w.hashes[0]
	w.hashes = w.hashes[1:]
	return event
}

// atDoors are scripts that make rooms whose newcomers knock, or need a passcode.
var atDoors = [][]byte{
	{0, 0, 0, 0, 5, 0, doorTemplate(10), 0, 0, 0, 0, 0, 5, 0, doorTemplate(5), 1, 0, 1, 0, 0, 5, 0, doorTemplate(5), 2},
	{0, 0, 0, 0, 5, 0, doorTemplate(11), 0, 14, 0, 0, 0, 0, 0, 0, 0, 5, 0, doorTemplate(6), 1, 14, 0, 0, 0, 5, 1, doorTemplate(0), 0},
}

// atDoor runs the script after another one, and returns what is wrong, or differs with an eviction
// after every step.
func atDoor(prefix, script []byte) string {
	script = append(prefix[:len(prefix):len(prefix)], script...)
	w, fault := run(script)
	if fault != "" {
		return fault + "\n" + w.log.String()
	}
	return w.whenEvicted(script)
}
