package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"time"

	"usher/protocol"
	"usher/server/auth"
	"usher/server/edge"
	"usher/server/report"
)

// Prefix begins every path.
const Prefix = "/api/v1"

// Operation is one row of the table that the routes and the document are made from.
type Operation struct {
	ID, Method, Path string
	// Summary is a sentence.
	Summary string
	Scope   auth.Scopes
	// Query are the parameters of the query.
	Query []Parameter
	// Body is the type of the request's body, nil for none.
	Body reflect.Type
	// Status is that of a success, with a body of type Response, nil for none. A Stream responds
	// with server-sent events of that type.
	Status   int
	Response reflect.Type
	Stream   bool
	// Errors are the codes that it may fail with, in addition to those of every operation.
	Errors []protocol.Code

	cost   int
	do     func(a *API, q *request) (any, *failure)
	stream func(a *API, w http.ResponseWriter, q *request) *failure
}

// Parameter is a parameter of a query. Low and High are the bounds of an integer, 0 for a text.
type Parameter struct {
	Name, Doc string
	Low, High int
}

// Operations returns the table.
func Operations() []Operation { return operations }

// CommonErrors are the codes that every operation may fail with.
var CommonErrors = []protocol.Code{
	protocol.CodeInvalidAPIKey, protocol.CodeScopeMissing, protocol.CodeRateLimited, protocol.CodeMethodNotAllowed, protocol.CodeInternal,
}

func find(id string) *Operation {
	return &operations[slices.IndexFunc(operations, func(o Operation) bool { return o.ID == id })]
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

// request is a request whose key, path and body have been checked.
type request struct {
	*http.Request
	// actor is the name of the key, and scope what it must have.
	actor  string
	scope  auth.Scopes
	roomID string
	userID string
	body   any
}

// failure is why a request is refused.
type failure struct {
	code    protocol.Code
	details string
}

// serve checks a request and carries it out.
func (a *API) serve(o *Operation, w http.ResponseWriter, r *http.Request) {
	q, refused := a.read(o, r)
	if refused == nil && o.Stream {
		refused = o.stream(a, w, q)
		if refused == nil {
			return
		}
	}
	var response any
	if refused == nil {
		response, refused = o.do(a, q)
	}
	if refused != nil {
		if refused.code == protocol.CodeInvalidAPIKey {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		edge.WriteError(w, r, refused.code, refused.details)
		return
	}
	if o.Method != http.MethodGet {
		a.audit(o, q)
	}
	if o.Response == nil {
		w.WriteHeader(o.Status)
		return
	}
	edge.WriteJSON(w, o.Status, response)
}

// read reads a request, and returns why it is refused.
func (a *API) read(o *Operation, r *http.Request) (*request, *failure) {
	name, scopes := a.config.Auth.Operator(edge.Bearer(r))
	switch {
	case name == "":
		return nil, &failure{protocol.CodeInvalidAPIKey, ""}
	case scopes&o.Scope == 0:
		return nil, &failure{protocol.CodeScopeMissing, o.Scope.String()}
	}
	q := &request{Request: r, actor: name, scope: o.Scope, roomID: r.PathValue("roomId"), userID: r.PathValue("userId")}
	switch {
	case q.roomID != "" && !protocol.ValidRoomID(q.roomID):
		return nil, &failure{protocol.CodeInvalidRoomID, ""}
	case q.userID != "" && !protocol.ValidUserID(q.userID):
		return nil, &failure{protocol.CodeInvalidUserID, ""}
	case o.Body == nil:
		return q, nil
	}
	q.body = reflect.New(o.Body).Interface()
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(q.body); err != nil {
		return nil, &failure{protocol.CodeInvalidMessage, "the body is not a JSON object that this operation takes, or has an unknown field"}
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, &failure{protocol.CodeInvalidMessage, "the body is more than one JSON object"}
	}
	return q, nil
}

// stillMay reports whether the key of a request that takes long has not been taken away.
func (a *API) stillMay(q *request) bool {
	_, scopes := a.config.Auth.Operator(edge.Bearer(q.Request))
	return scopes&q.scope != 0
}

// audit writes down who has used a key to change something. What it has changed in a room is
// written down as an occurrence, too, once that is stored.
func (a *API) audit(o *Operation, q *request) {
	a.config.Log.Info("operator", "operation", o.ID, "key", q.actor, "requestId", edge.RequestID(q.Request))
	if a.config.Audit != nil {
		a.config.Audit.Write(report.Event{Type: "api." + o.ID, Timestamp: time.Now().UTC().Truncate(time.Millisecond), Data: report.Data{
			RoomID: q.roomID, UserID: q.userID, Actor: &report.Actor{Operator: true, Name: q.actor},
		}})
	}
}
