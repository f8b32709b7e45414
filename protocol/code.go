package protocol

// Code is the stable name of a refusal. It is what clients branch on; the sentence beside it is for
// people and may change.
type Code string

// The refusals. Codes lists them with their meaning; a client may see any of them in an ERROR
// message, in an UNDELIVERED message or in an HTTP error body.
const (
	CodeInvalidJSON        Code = "INVALID_JSON"
	CodeInvalidUTF8        Code = "INVALID_UTF8"
	CodeBinaryFrame        Code = "BINARY_FRAME"
	CodeUnknownType        Code = "UNKNOWN_TYPE"
	CodeInvalidMessage     Code = "INVALID_MESSAGE"
	CodeInvalidName        Code = "INVALID_NAME"
	CodeInvalidRoomID      Code = "INVALID_ROOM_ID"
	CodeInvalidUserID      Code = "INVALID_USER_ID"
	CodeInvalidTTL         Code = "INVALID_TTL"
	CodeInvalidPage        Code = "INVALID_PAGE"
	CodeRoomNotFound       Code = "ROOM_NOT_FOUND"
	CodeRoomMismatch       Code = "ROOM_MISMATCH"
	CodeRoomFull           Code = "ROOM_FULL"
	CodeUserIDTaken        Code = "USER_ID_TAKEN"
	CodeSeatHeld           Code = "SEAT_HELD"
	CodeInvalidResumeToken Code = "INVALID_RESUME_TOKEN"
	CodeInvalidOwnerToken  Code = "INVALID_OWNER_TOKEN"
	CodeAlreadySeated      Code = "ALREADY_SEATED"
	CodeNotSeated          Code = "NOT_SEATED"
	CodeWrongUser          Code = "WRONG_USER"
	CodeNotHost            Code = "NOT_HOST"
	CodeNotAllowed         Code = "NOT_ALLOWED"
	CodeKicked             Code = "KICKED"
	CodeBanned             Code = "BANNED"
	CodePasscodeRequired   Code = "PASSCODE_REQUIRED"
	CodeWrongPasscode      Code = "WRONG_PASSCODE"
	CodeTooManyAttempts    Code = "TOO_MANY_ATTEMPTS"
	CodeRoomLocked         Code = "ROOM_LOCKED"
	CodeAdmissionDenied    Code = "ADMISSION_DENIED"
	CodeKnockExpired       Code = "KNOCK_EXPIRED"
	CodeTooManyKnocks      Code = "TOO_MANY_KNOCKS"
	CodeControlDenied      Code = "CONTROL_DENIED"
	CodeTargetNotFound     Code = "TARGET_NOT_FOUND"
	CodeTargetAway         Code = "TARGET_AWAY"
	CodeTargetCannotHost   Code = "TARGET_CANNOT_HOST"
	CodeRelayOnly          Code = "RELAY_ONLY"
	CodeNotRelayed         Code = "CANDIDATE_NOT_ALLOWED"
	CodeRateLimited        Code = "RATE_LIMITED"
	CodeRoomBusy           Code = "ROOM_BUSY"
	CodeTooManyRooms       Code = "TOO_MANY_ROOMS"
	CodeTooManyConnections Code = "TOO_MANY_CONNECTIONS"
	CodeStorageUnavailable Code = "STORAGE_UNAVAILABLE"
	CodeDraining           Code = "DRAINING"
	CodeServerFull         Code = "SERVER_FULL"
	CodeRoomUnavailable    Code = "ROOM_UNAVAILABLE"
	CodeAuthRequired       Code = "AUTH_REQUIRED"
	CodeInvalidToken       Code = "INVALID_TOKEN"
	CodeTokenExpired       Code = "TOKEN_EXPIRED"
	CodeRoomNotAllowed     Code = "ROOM_NOT_ALLOWED"
	CodeCreateNotAllowed   Code = "CREATE_NOT_ALLOWED"
	CodeInvalidTicket      Code = "INVALID_TICKET"
	CodeTicketUsed         Code = "TICKET_USED"
	CodeInvalidInvite      Code = "INVALID_INVITE"
	CodeInviteExpired      Code = "INVITE_EXPIRED"
	CodeInviteUsed         Code = "INVITE_USED"
	CodeNoHost             Code = "NO_HOST"
	CodeAuthUnavailable    Code = "AUTH_UNAVAILABLE"
	CodeInvalidAPIKey      Code = "INVALID_API_KEY"
	CodeRoomExists         Code = "ROOM_EXISTS"
	CodeRoomClosed         Code = "ROOM_CLOSED"
	CodeScopeMissing       Code = "SCOPE_MISSING"
	CodeRoomElsewhere      Code = "ROOM_ELSEWHERE"
	CodeOriginNotAllowed   Code = "ORIGIN_NOT_ALLOWED"
	CodeUpgradeRequired    Code = "UPGRADE_REQUIRED"
	CodeNotFound           Code = "NOT_FOUND"
	CodeMethodNotAllowed   Code = "METHOD_NOT_ALLOWED"
	CodeICEUnavailable     Code = "ICE_UNAVAILABLE"
	CodeInternal           Code = "INTERNAL"
)

// Refusal is one row of the table of codes.
type Refusal struct {
	Code Code
	// Error is the sentence that a person reads.
	Error string
	// Retryable reports that the same request may succeed later, unchanged.
	Retryable bool
	// Close is the close code that follows an ERROR with this code, 0 if the connection stays
	// open.
	Close CloseCode
	// Status is the HTTP status if an HTTP response may have the code, else 0.
	Status int
	// Meaning is the row's text in the documentation.
	Meaning string
}

// Codes is the one table of refusals; TypeScript types and the protocol document are generated from
// it.
var Codes = []Refusal{
	{CodeInvalidJSON, "Message is not one JSON object", false, 0, 0, "The frame is not exactly one JSON object: a syntax error, a duplicate name, or something after the end. A lone surrogate escape is none of them."},
	{CodeInvalidUTF8, "Message is not UTF-8", false, CloseInvalidUTF8, 0, "The text frame is not valid UTF-8 (RFC 6455, section 8.1)."},
	{CodeBinaryFrame, "Send text frames, not binary ones", false, CloseBinary, 0, "The frame is binary."},
	{CodeUnknownType, "Unknown message type", false, 0, 0, "The message has no type, or one that a client may not send."},
	{CodeInvalidMessage, "Message has a missing or malformed field", false, 0, 400, "A field that the type, or the body of an HTTP request, requires is missing, of the wrong JSON type or out of its bounds; details names it."},
	{CodeInvalidName, "Name is empty, invisible, too long or has control characters", false, 0, 0, "A name is empty after trimming, displays nothing, is longer than its limit in UTF-16 units, or has control characters, bidirectional controls (U+202A to U+202E, U+2066 to U+2069) or a lone surrogate."},
	{CodeInvalidRoomID, "Room id must be 6 to 50 letters, digits, hyphens or underscores", false, 0, 400, "The room id is missing or malformed."},
	{CodeInvalidUserID, "User id must be 1 to 64 letters, digits or any of _ . : -", false, 0, 400, "The user id is missing or malformed, or somebody wants to join as `system`, `server` or `usher`, in any letter case and with any punctuation around it."},
	{CodeInvalidPage, "limit is out of its bounds, or cursor is not the one of the page before", false, 0, 400, "The limit or the cursor of a request for a page of rooms cannot be used; details names it."},
	{CodeInvalidTTL, "ttl must be a whole number of seconds from 300 to 86400", false, 0, 400, "The ttl of a request for TURN credentials is not a number within its bounds."},
	{CodeRoomNotFound, "Room not found", false, 0, 404, "No such room. CREATE_ROOM with the same id makes it."},
	{CodeRoomMismatch, "Message names another room than this connection's", false, CloseRoomMismatch, 0, "The roomId in a message is not the one that the connection's URL names."},
	{CodeRoomFull, "Room is full", true, 0, 0, "Every seat of the room is taken."},
	{CodeUserIDTaken, "User id is already in the room", false, CloseUserIDTaken, 0, "Somebody with this user id is connected or knocks, and the newcomer has not shown to be the same one."},
	{CodeSeatHeld, "Seat is held for its owner to return", true, 0, 0, "The seat of this user id is held after a lost connection, and the newcomer has not shown to be its owner."},
	{CodeInvalidResumeToken, "Resume token does not match this seat", false, 0, 401, "The resumeToken is malformed or not the seat's. As an HTTP response, it may also be that the seat or the room does not exist."},
	{CodeInvalidOwnerToken, "Owner token does not match this room", false, 0, 0, "The ownerToken is malformed or not the room's."},
	{CodeAlreadySeated, "This connection already has a seat", false, 0, 0, "CREATE_ROOM or JOIN_ROOM for another user id than the connection's own seat."},
	{CodeNotSeated, "Join the room first", false, 0, 0, "The connection has no seat, and the message needs one."},
	{CodeWrongUser, "Message claims another user", false, 0, 0, "The userId in the message is not the one of the connection's seat."},
	{CodeNotHost, "Only the host may do this", false, 0, 0, "Only the host may ask for this."},
	{CodeNotAllowed, "Your role does not allow this", false, 0, 409, "KICK_USER, UNBAN_USER, LIST_BANS, ADMIT or DENY of a guest or viewer; KICK_USER for oneself, for the host, or of a cohost for a cohost. As an HTTP response: the host can get another role only by making somebody else host."},
	{CodeKicked, "You were removed from the room", false, CloseKicked, 0, "The host or a cohost has ended the seat. It is for a client that has not said \"protocol\":1 and so does not know the message KICKED, and closes with 1000, because 4005 is not final for it."},
	{CodeBanned, "You are banned from this room", false, CloseKicked, 0, "The user id, the resume token or the network address is one that the host or a cohost has banned. A client that has not said \"protocol\":1 is closed with 1000."},
	{CodePasscodeRequired, "This room needs a passcode", false, 0, 0, "The room has a passcode, and the request none. A client that has not said \"protocol\":1 cannot send one and is closed with 1000."},
	{CodeWrongPasscode, "Wrong passcode", false, 0, 0, "The passcode is not the room's."},
	{CodeTooManyAttempts, "Too many wrong passcodes; wait before you try again", true, 0, 0, "The address has sent too many wrong passcodes, or the room was sent too many and nobody from this address has been in it. Nothing was compared; details says how long to wait, up to 15 min for the former and 2 s for the latter."},
	{CodeRoomLocked, "This room is locked", false, 0, 0, "The host lets nobody in who has no seat. A client that has not said \"protocol\":1 is closed with 1000."},
	{CodeAdmissionDenied, "You were not let in", false, 0, 0, "The host or a cohost has denied the knock, or has denied one from this address within the last minute; or newcomers must knock, which a client that has not said \"protocol\":1 cannot do: it is closed with 1000."},
	{CodeKnockExpired, "Nobody answered in time", true, 0, 0, "Neither the host nor a cohost has answered the knock before its deadline, or the knockToken is of a knock that has ended."},
	{CodeTooManyKnocks, "Too many people are waiting to be let in; try again later", true, 0, 0, "As many people knock as may at once, in all or from this address."},
	{CodeControlDenied, "You may not control playback in this room", false, 0, 0, "The sender is a viewer, or the room's control mode is HOST_ONLY and the sender neither host nor cohost."},
	{CodeTargetNotFound, "Target is not in the room", false, 0, 404, "No seat has the targetUserId; in UNBAN_USER no ban, in ADMIT and DENY nobody who knocks."},
	{CodeTargetAway, "Target is away", true, 0, 409, "The target's seat is held after a lost connection, and the frame is of a kind that is not kept, or no more can be kept."},
	{CodeTargetCannotHost, "Target's client cannot take over as host", false, 0, 409, "The target's client has not said \"protocol\":1, so it would not notice that it became host."},
	{CodeRelayOnly, "This room hides addresses, which your client cannot do", false, CloseNormal, 0, "The room's iceTransportPolicy is relay, and the client has not said \"protocol\":1."},
	{CodeNotRelayed, "Only relay candidates are allowed in this room", false, 0, 0, "The room's iceTransportPolicy is relay, and the offer, answer or candidate has a candidate of another type, a raddr, or in SDP another address for media."},
	{CodeRateLimited, "Too many messages; wait before you reconnect", true, CloseRateLimited, 429, "The connection, or all those of its network address, sent more messages or bytes than the rate and burst allow. As an HTTP response: the address sent more requests than it may."},
	{CodeRoomBusy, "Room is busy; try again", true, 0, 503, "The room has more to send or to store than its budget allows, or a passcode could not be checked now."},
	{CodeTooManyRooms, "Too many rooms from this address", true, 0, 0, "The address has as many rooms as one address may have."},
	{CodeTooManyConnections, "Too many connections from this address", true, 0, 429, "The address has as many connections as one address may have."},
	{CodeStorageUnavailable, "Storage is unavailable; try again later", true, 0, 503, "What was asked must be stored before it is answered, and the store does not accept it now. Relays go on."},
	{CodeDraining, "Server is restarting; try again", true, 0, 503, "The server is about to stop and takes no new connections."},
	{CodeServerFull, "Server is full; try again later", true, CloseTryLater, 503, "The server is near the memory that it may use, and takes no new rooms or connections. Relays go on."},
	{CodeRoomUnavailable, "Room is unavailable; try again", true, 0, 503, "The room's object on Cloudflare, or the node of the cluster that owns the room, cannot be reached or has too much to do."},
	{CodeAuthRequired, "Sign in to enter this room", false, CloseUnauthorized, 401, "The server lets in nobody without a token, and there is none. A client that has not said \"protocol\":1 cannot send one; it is closed with 1000."},
	{CodeInvalidToken, "Token is not valid", false, CloseUnauthorized, 401, "The token is malformed, not signed by the operator's key with that key's algorithm, for another issuer or audience, not valid yet, or has a claim that is malformed or missing; details names the reason. In reply to RENEW_AUTH the connection stays open."},
	{CodeTokenExpired, "Token has expired", true, CloseTokenExpired, 401, "The token's time is over. Connect again with a new one. In reply to RENEW_AUTH the connection stays open."},
	{CodeRoomNotAllowed, "Token is for another room", false, CloseUnauthorized, 403, "The token or ticket is valid, but not for this room."},
	{CodeCreateNotAllowed, "Token does not allow creating a room", false, 0, 0, "The room does not exist, and the token or invite may not create it."},
	{CodeInvalidTicket, "Ticket is not valid", true, CloseTokenExpired, 401, "The ticket was not issued by this server, or more than 30 s ago. POST /tickets gives a new one."},
	{CodeTicketUsed, "Ticket has been used", true, CloseTokenExpired, 0, "Somebody has taken a seat with this ticket. POST /tickets gives a new one."},
	{CodeInvalidInvite, "Invitation is not valid", false, CloseUnauthorized, 401, "The invite was not issued by this server, is cut off, or is for another room, or for one of the same id that has ended."},
	{CodeInviteExpired, "Invitation has expired", false, CloseUnauthorized, 401, "The invite's time is over."},
	{CodeInviteUsed, "Invitation has been used", false, CloseUnauthorized, 0, "The invite is for one person, and somebody has taken a seat with it."},
	{CodeNoHost, "Nobody who may host is here yet; try again", true, 0, 0, "The token or invite makes its owner a viewer, and the room has nobody else yet."},
	{CodeAuthUnavailable, "Tokens cannot be checked now; try again later", true, 0, 503, "The keys that tokens are checked with cannot be fetched."},
	{CodeInvalidAPIKey, "API key is missing or not valid", false, 0, 401, "The request needs an API key of this server in its Authorization header."},
	{CodeRoomExists, "Room already exists", false, 0, 409, "POST /rooms asks for a room id that is in use."},
	{CodeRoomClosed, "The operator has closed this room", false, CloseRoomEnded, 0, "An operator of the server has ended the room, with everybody's seat; details has the reason, if one was given."},
	{CodeScopeMissing, "This API key does not allow that", false, 0, 403, "The API key is valid, but does not have the scope that details names."},
	{CodeRoomElsewhere, "Another node of the cluster has this room", false, 0, 421, "Only the node that owns the room has its signaling and its recording; details is that node's address, if it is known."},
	{CodeOriginNotAllowed, "Origin is not allowed", false, 0, 403, "The Origin of the request is not on the server's list."},
	{CodeUpgradeRequired, "This address accepts only WebSocket connections", false, 0, 426, "A plain request, or a malformed WebSocket handshake, came to a WebSocket address."},
	{CodeNotFound, "Not found", false, 0, 404, "The server has nothing at this path."},
	{CodeMethodNotAllowed, "Method not allowed", false, 0, 405, "The path exists, but not for this method."},
	{CodeICEUnavailable, "ICE servers are unavailable; try again later", true, 0, 503, "The provider of TURN credentials did not answer."},
	{CodeInternal, "Internal error; try again", true, CloseInternal, 500, "A defect of the server. It gave up only this room or request and logged why."},
}

// Lookup returns the row of a code. The code must be one of the constants.
func (c Code) Lookup() Refusal {
	for i := range Codes {
		if Codes[i].Code == c {
			return Codes[i]
		}
	}
	panic("protocol: unknown code " + string(c))
}

// CloseCode is a WebSocket close code (RFC 6455, section 7.4) that the server sends.
type CloseCode uint16

// The close codes that the server sends. Legacy clients treat 1000, 4001, 4002 and 4004 as final
// and try again after any other.
const (
	CloseNormal       CloseCode = 1000
	CloseProtocol     CloseCode = 1002
	CloseBinary       CloseCode = 1003
	CloseInvalidUTF8  CloseCode = 1007
	CloseTooLarge     CloseCode = 1009
	CloseInternal     CloseCode = 1011
	CloseRestart      CloseCode = 1012
	CloseTryLater     CloseCode = 1013
	CloseRoomMismatch CloseCode = 4001
	CloseUserIDTaken  CloseCode = 4002
	CloseResumed      CloseCode = 4003
	CloseRoomEnded    CloseCode = 4004
	CloseKicked       CloseCode = 4005
	CloseUnauthorized CloseCode = 4006
	CloseTokenExpired CloseCode = 4007
	CloseIdle         CloseCode = 4008
	CloseRateLimited  CloseCode = 4029
)

// Closing is one row of the table of close codes.
type Closing struct {
	Code CloseCode
	// Reason travels in the close frame.
	Reason string
	// Retryable reports that the client should connect again.
	Retryable bool
	// Meaning is the row's text in the documentation.
	Meaning string
}

// Closings is the one table of close codes. A slow reader whose pending writes pass the server's
// bound is cut off without a close frame (1006 in a browser).
var Closings = []Closing{
	{CloseNormal, "", false, "The participant left, or a newer connection of the same seat has ended."},
	{CloseProtocol, "protocol error", false, "The client broke RFC 6455."},
	{CloseBinary, "text frames only", false, "The client sent a binary frame."},
	{CloseInvalidUTF8, "invalid UTF-8", false, "A text frame was not UTF-8."},
	{CloseTooLarge, "frame too large", false, "A message was larger than the server's limit, 64 KiB by default."},
	{CloseInternal, "internal error", true, "A defect of the server; it gave up only this room."},
	{CloseRestart, "server is restarting", true, "The server drains. Connect again after a short random delay."},
	{CloseTryLater, "try again later", true, "The server could not store the room's last change, or has no place for the connection."},
	{CloseRoomMismatch, "room id mismatch", false, "A message named another room than the connection's URL."},
	{CloseUserIDTaken, "user already in room", false, "The user id belongs to somebody who is connected."},
	{CloseResumed, "seat resumed elsewhere", false, "A newer connection took the seat with its resume token."},
	{CloseRoomEnded, "room ended", false, "The room ended because nothing happened in it for too long, or because an operator closed it."},
	{CloseKicked, "removed from the room", false, "The host or a cohost has removed the participant, or has banned it before."},
	{CloseUnauthorized, "not authorized", false, "There is no token or invite, or one that does not let its owner in."},
	{CloseTokenExpired, "token expired", true, "The token's time is over, or the ticket has been used. Connect again with a new one; the seat is held."},
	{CloseIdle, "idle for too long", true, "Nothing, not even a PING, came for too long."},
	{CloseRateLimited, "too many messages", true, "The connection, or its network address, sent more than its rate and burst allow."},
}

// Lookup returns the row of a close code, and false for one the server does not send.
func (c CloseCode) Lookup() (Closing, bool) {
	for i := range Closings {
		if Closings[i].Code == c {
			return Closings[i], true
		}
	}
	return Closing{}, false
}
