package room_test

import (
	"encoding/json"
	"fmt"

	"usher/protocol"
	"usher/room"
)

// show prints what a shell would do; frames are shown by their type.
func show(effects []room.Effect) {
	for _, e := range effects {
		switch e.Kind {
		case room.Send:
			var message struct{ Type string }
			if err := json.Unmarshal(e.Frame, &message); err != nil {
				fmt.Println(err)
			}
			fmt.Printf("  send %s to %d\n", message.Type, e.Conn)
		case room.Forward:
			fmt.Printf("  forward the frame to %d\n", e.Conn)
		case room.Close:
			fmt.Printf("  close %d with %d\n", e.Conn, e.Code)
		case room.Save, room.SaveLater:
			fmt.Println("  store a snapshot")
		case room.SetAlarm:
			fmt.Printf("  set the alarm to %d ms\n", e.AtMs)
		}
	}
}

// received is the event of a frame that arrived. A shell draws the secret.
func received(conn room.ConnID, frame string) room.Event {
	message, err := protocol.Decode([]byte(frame))
	return room.Event{Kind: room.Received, Conn: conn, Frame: []byte(frame), Message: &message, Err: err, Secret: [protocol.TokenBytes]byte{byte(conn)}}
}

// pair returns a room in which connection 1 is ann, the host, and connection 2 is bob.
func pair(config *room.Config) *room.Room {
	r := room.New(config, "room-1")
	for _, event := range []room.Event{
		{Kind: room.Connected, Conn: 1},
		received(1, `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann","protocol":1}`),
		{Kind: room.Connected, Conn: 2},
		received(2, `{"type":"JOIN_ROOM","roomId":"room-1","userId":"bob","userName":"Bob","protocol":1}`),
	} {
		r.Step(1_000, event, nil)
	}
	return r
}

// A shell reports what happened as events and carries out the effects in order.
func ExampleRoom_Step() {
	config := room.DefaultConfig()
	r := room.New(&config, "room-1")
	const nowMs = 1_000
	var effects []room.Effect // reused by every step

	fmt.Println("ann's socket opens")
	effects = r.Step(nowMs, room.Event{Kind: room.Connected, Conn: 1}, effects[:0])
	show(effects)

	fmt.Println("ann creates the room")
	create := received(1, `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann","protocol":1}`)
	effects = r.Step(nowMs, create, effects[:0])
	show(effects)
	// Output:
	// ann's socket opens
	//   set the alarm to 91000 ms
	// ann creates the room
	//   store a snapshot
	//   send ROOM_CREATED to 1
}

// What one participant sends another is forwarded as it was received.
func ExampleRoom_Step_roomOfTwo() {
	config := room.DefaultConfig()
	r := pair(&config)

	fmt.Println("bob offers to ann")
	offer := received(2, `{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"bob","targetUserId":"ann","offer":{}}`)
	show(r.Step(2_000, offer, nil))

	fmt.Println("ann leaves, so bob becomes host")
	leave := received(1, `{"type":"LEAVE_ROOM","roomId":"room-1","userId":"ann"}`)
	show(r.Step(3_000, leave, nil))
	fmt.Println("host:", r.State().HostID)
	// Output:
	// bob offers to ann
	//   forward the frame to 1
	// ann leaves, so bob becomes host
	//   store a snapshot
	//   close 1 with 1000
	//   send USER_LEFT to 2
	// host: bob
}

// After a restart a shell restores each room from its snapshot. The connections are gone, and
// every seat is held for its owner.
func ExampleRestore() {
	config := room.DefaultConfig()
	snapshot := pair(&config).AppendSnapshot(nil)

	r, err := room.Restore(&config, "room-1", snapshot)
	if err != nil {
		fmt.Println(err)
		return
	}
	const nowMs = 10_000
	show(r.Step(nowMs, room.Event{Kind: room.Restored}, nil))
	for _, user := range r.State().Users {
		fmt.Printf("%s: host %t, connected %t\n", user.Name, user.IsHost, user.IsConnected)
	}
	// Output:
	//   store a snapshot
	//   set the alarm to 50000 ms
	// Ann: host true, connected false
	// Bob: host false, connected false
}
