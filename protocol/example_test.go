package protocol_test

import (
	"errors"
	"fmt"

	"usher/protocol"
)

// A server reads a frame with Decode.
func ExampleDecode() {
	frame := []byte(`{"type":"JOIN_ROOM","roomId":"room-4f9a2c","userId":"bob","userName":"Bob","protocol":1}`)
	message, err := protocol.Decode(frame)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v: %s joins %s\n", message.Type, message.UserID, message.RoomID)
	// Output: JOIN_ROOM: bob joins room-4f9a2c
}

// A frame that is no message has an error with the code that the client is sent.
func ExampleDecodeError() {
	_, err := protocol.Decode([]byte(`{"type":"JOIN_ROOM","roomId":"room-4f9a2c","userId":"bob"}`))
	var decodeError *protocol.DecodeError
	if errors.As(err, &decodeError) {
		fmt.Println(decodeError.Code, decodeError.Details)
		fmt.Println(decodeError.Code.Lookup().Error)
	}
	// Output:
	// INVALID_MESSAGE userName is missing
	// Message has a missing or malformed field
}

// A client encodes a message with Append, and Decode reads it back.
func ExampleLeaveRoomMessage_Append() {
	leave := protocol.LeaveRoomMessage{
		BaseSignalingMessage: protocol.BaseSignalingMessage{RoomID: "room-4f9a2c", UserID: "bob", Timestamp: 1},
	}
	frame := leave.Append(nil)
	fmt.Printf("%s\n", frame)
	message, err := protocol.Decode(frame)
	fmt.Println(message.Type, err)
	// Output:
	// {"type":"LEAVE_ROOM","roomId":"room-4f9a2c","userId":"bob","timestamp":1}
	// LEAVE_ROOM <nil>
}

// A server encodes what it sends in the same way.
func ExampleErrorMessage_Append() {
	refusal := protocol.CodeRoomNotFound.Lookup()
	message := protocol.ErrorMessage{Code: refusal.Code, Error: refusal.Error, Retryable: refusal.Retryable, Timestamp: 1}
	fmt.Printf("%.66s…\n", message.Append(nil))
	// Output: {"type":"ERROR","code":"ROOM_NOT_FOUND","error":"Room not found","…
}
