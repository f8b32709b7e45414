package edge

import (
	"encoding/json"
	"net/http"
	"strconv"

	"usher/protocol"
)

const (
	// maxListed is how many rooms one response has at most, and listed how many otherwise.
	maxListed = 100
	listed    = 50
	// listCost is how many requests one page counts as.
	listCost = 5
)

// listRooms is GET /rooms.
func (e *Edge) listRooms(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	n, err := listed, error(nil)
	if limit := query.Get("limit"); limit != "" {
		n, err = strconv.Atoi(limit)
	}
	cursor := query.Get("cursor")
	switch {
	case err != nil || n < 1 || n > maxListed:
		WriteError(w, r, protocol.CodeInvalidPage, "limit")
		return
	case cursor != "" && !protocol.ValidRoomID(cursor):
		WriteError(w, r, protocol.CodeInvalidPage, "cursor")
		return
	}
	page, more := e.config.Lister.List(cursor, n)
	body := roomList{Rooms: make([]json.RawMessage, len(page))}
	for i := range page {
		body.Rooms[i] = page[i].Append(nil)
	}
	if more {
		body.Cursor = page[len(page)-1].ID
	}
	WriteJSON(w, http.StatusOK, body)
}

// roomList is the response to GET /rooms.
type roomList struct {
	Rooms []json.RawMessage `json:"rooms"`
	// Cursor is for the next page. It is missing on the last one.
	Cursor string `json:"cursor,omitempty"`
}

// roomsRoute is GET /rooms if rooms are listed, and POST /rooms if programs may create some.
func (e *Edge) roomsRoute() (routes []route) {
	lists, creates := e.config.Lister != nil, e.config.CreateRoom != nil
	rt := route{path: "/rooms"}
	if lists {
		rt.methods, rt.cost = append(rt.methods, http.MethodGet), listCost
	}
	if creates {
		rt.methods = append(rt.methods, http.MethodPost)
	}
	rt.handler = func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			e.config.CreateRoom(w, r)
		} else {
			e.listRooms(w, r)
		}
	}
	if lists || creates {
		routes = append(routes, rt)
	}
	return routes
}
