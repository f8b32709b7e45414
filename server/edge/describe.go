package edge

import (
	"encoding/json"
	"net/http"

	"usher/protocol"
)

// roomRoute is GET /rooms/{id}, which returns what somebody with an invitation may know before
// joining.
func (e *Edge) roomRoute() route {
	return route{path: "/rooms/{id}", handler: func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !protocol.ValidRoomID(id) {
			writeError(w, r, protocol.CodeInvalidRoomID, "")
			return
		}
		summary, refusal := e.config.Rooms.Describe(r.Context(), id)
		if refusal != "" {
			writeError(w, r, refusal, "")
			return
		}
		writeJSON(w, http.StatusOK, json.RawMessage(summary.Append(nil)))
	}}
}
