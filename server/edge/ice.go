package edge

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"usher/protocol"
	"usher/server/turn"
)

// iceTimeout bounds what the room and the providers may take. A legacy client waits for the
// response between opening its socket and joining, without a time-out of its own.
const iceTimeout = 5 * time.Second

// turnRoute is GET /turn-credentials?userId=ID[&roomId=ID][&ttl=SECONDS]. Whoever proves a seat by
// its resume token gets TURN servers, everybody else STUN.
func (e *Edge) turnRoute() route {
	return route{path: "/turn-credentials", handler: func(w http.ResponseWriter, r *http.Request) {
		// A legacy client's rejoin hangs on a kept-alive connection that died together with its
		// socket.
		w.Header().Set("Connection", "close")
		ctx, cancel := context.WithTimeout(r.Context(), iceTimeout)
		defer cancel()
		servers, ttl, refusal := e.iceServers(ctx, r)
		if refusal != "" {
			if refusal == protocol.CodeInvalidResumeToken {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			e.metrics.ICERefused(refusal)
			WriteError(w, r, refusal, "")
			return
		}
		if servers == nil {
			servers = []turn.ICEServer{}
		}
		WriteJSON(w, http.StatusOK, struct {
			ICEServers []turn.ICEServer `json:"iceServers"`
			// TTL is for how many seconds the credentials are valid.
			TTL int64 `json:"ttl,omitempty"`
		}{servers, int64(ttl.Seconds())})
	}}
}

// iceServers returns what a request may have, and for how long the credentials are valid.
func (e *Edge) iceServers(ctx context.Context, r *http.Request) ([]turn.ICEServer, time.Duration, protocol.Code) {
	query := r.URL.Query()
	seat := turn.Seat{RoomID: query.Get("roomId"), UserID: query.Get("userId")}
	ttl, isTTL := ttlOf(query.Get("ttl"), query.Has("ttl"), e.config.TURNTTL)
	token, proves := bearer(r)
	switch {
	case !e.origins.AllowsRequest(r):
		return nil, 0, protocol.CodeOriginNotAllowed
	case !protocol.ValidUserID(seat.UserID):
		return nil, 0, protocol.CodeInvalidUserID
	case !isTTL:
		return nil, 0, protocol.CodeInvalidTTL
	case !proves && !e.config.TURNOpen:
		return e.config.ICE.STUN(), 0, ""
	case !proves:
		seat.RoomID, ttl = "", turn.OpenTTL
	case !protocol.ValidRoomID(seat.RoomID):
		return nil, 0, protocol.CodeInvalidRoomID
	default:
		var refusal protocol.Code
		if seat.TakenAtMs, refusal = e.config.Rooms.Seated(ctx, seat.RoomID, seat.UserID, token); refusal != "" {
			return nil, 0, refusal
		}
	}
	servers, err := e.config.ICE.TURN(ctx, seat, ttl)
	if err != nil {
		e.log.Warn("no ICE servers", "error", err, "requestId", requestID(r))
		return nil, 0, protocol.CodeICEUnavailable
	}
	if !e.config.ICE.Expires() {
		ttl = 0
	}
	return servers, ttl, ""
}

// ttlOf reads the query's ttl.
func ttlOf(text string, given bool, byDefault time.Duration) (time.Duration, bool) {
	if !given {
		return byDefault, true
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	ttl := time.Duration(seconds) * time.Second
	return ttl, err == nil && ttl >= turn.MinTTL && ttl <= turn.MaxTTL
}
