package edge

import (
	"net/http"

	"usher/protocol"
)

// nodeHeader names the node that owns a room, as host:port.
const nodeHeader = "X-Usher-Node"

// ownerRoute is GET /cluster/owner?roomId=ROOM, which a balancer may ask before it passes a
// connection on: a room's people are served best by the node that owns it. Any other works too.
func (e *Edge) ownerRoute() route {
	return route{path: "/cluster/owner", handler: func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("roomId")
		if !protocol.ValidRoomID(id) {
			WriteError(w, r, protocol.CodeInvalidRoomID, "")
			return
		}
		address := e.config.OwnerAddress(id)
		if address == "" {
			WriteError(w, r, protocol.CodeRoomUnavailable, "")
			return
		}
		w.Header().Set(nodeHeader, address)
		w.WriteHeader(http.StatusNoContent)
	}}
}
