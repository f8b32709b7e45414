package edge

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"usher/protocol"
)

const (
	// defaultListed is how many rooms a response has if the request does not say, and maxListed how
	// many it may ask for.
	defaultListed, maxListed = 50, 100
	// listCost is how many requests one page counts as.
	listCost = 5
)

// listRooms is GET /rooms.
func (e *Edge) listRooms(w http.ResponseWriter, r *http.Request) {
	after, n, wrong := PageOf(r.URL.Query(), defaultListed, maxListed)
	if wrong != "" {
		WriteError(w, r, protocol.CodeInvalidPage, wrong)
		return
	}
	page, more := e.config.Lister.List(after, n)
	body := roomList{Rooms: make([]json.RawMessage, len(page))}
	for i := range page {
		body.Rooms[i] = page[i].Append(nil)
	}
	if more {
		body.Cursor = page[len(page)-1].ID
	}
	WriteJSON(w, http.StatusOK, body)
}

// PageOf returns which page of a list of rooms a request wants: how many rooms, and after which
// one, "" for the first page. wrong says what is the matter with limit or cursor, "" for nothing.
func PageOf(query url.Values, defaultLimit, maxLimit int) (after string, limit int, wrong string) {
	limit, err := defaultLimit, error(nil)
	if text := query.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
	}
	if err != nil || limit < 1 || limit > maxLimit {
		return "", 0, "limit must be 1 to " + strconv.Itoa(maxLimit)
	}
	after = query.Get("cursor")
	if after != "" && !protocol.ValidRoomID(after) {
		return "", 0, "cursor is not a room id"
	}
	return after, limit, ""
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
