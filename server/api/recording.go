package api

import "usher/protocol"

// Recording is what the flight recorder has of a room.
type Recording struct {
	Recording string `json:"recording" doc:"Lines of JSON, which usher replay reads. Empty if nothing was recorded: the flight recorder is off, or nothing has happened for a while."`
}

func (a *API) readRecording(q *request) (any, *failure) {
	dump, refusal := a.config.Own.Dump(q.Context(), q.roomID)
	switch {
	case refusal == protocol.CodeRoomUnavailable && a.config.OwnerAddress != nil:
		return nil, &failure{protocol.CodeRoomElsewhere, a.config.OwnerAddress(q.roomID)}
	case refusal != "":
		return nil, &failure{refusal, ""}
	}
	return Recording{string(dump)}, nil
}
