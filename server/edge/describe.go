package edge

import (
	"encoding/json"
	"net/http"
	"time"

	"usher/protocol"
)

// roomRoute is GET /rooms/{id}, which returns what somebody with an invitation may know before
// joining.
func (e *Edge) roomRoute() route {
	return route{path: "/rooms/{id}", handler: func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !protocol.ValidRoomID(id) {
			WriteError(w, r, protocol.CodeInvalidRoomID, "")
			return
		}
		who, refusal, details := e.identify(r, id)
		if refusal == "" && who != nil && who.Invited && time.Now().UnixMilli() >= who.EnterUntilMs {
			refusal = protocol.CodeInviteExpired
		}
		if refusal != "" {
			WriteError(w, r, refusal, details)
			return
		}
		summary, refusal := e.config.Rooms.Describe(r.Context(), id)
		if refusal != "" {
			WriteError(w, r, refusal, "")
			return
		}
		WriteJSON(w, http.StatusOK, json.RawMessage(summary.Append(nil)))
	}}
}
