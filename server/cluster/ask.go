package cluster

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
)

const (
	// drainPrefix begins the subject on which a node is asked to drain. The stream has no such key.
	drainPrefix = "u.drain."
	askTimeout  = 2 * time.Second
)

// Refusal is the response of POST /cluster/drain if it is not 202.
type Refusal struct {
	Error string `json:"error"`
}

// DrainAsked is closed when an operator wants this node to hand its rooms over and stop.
func (n *Node) DrainAsked() <-chan struct{} { return n.asked }

func (n *Node) askedToDrain() {
	n.asking.Do(func() {
		n.log.Info("an operator asked this node to drain")
		close(n.asked)
	})
}

// hearDrain takes what another node passes on, until the returned function is called. Whoever uses
// an external NATS has no secret that would prove an operator.
func (n *Node) hearDrain() (end func()) {
	if n.config.Embedded == nil {
		return func() {}
	}
	subscription, err := n.broker.Conn().Subscribe(drainPrefix+n.ID(), func(m *nats.Msg) {
		_ = m.Respond(nil)
		n.askedToDrain()
	})
	if err != nil {
		n.log.Warn("this node can be drained by a signal only", "error", err)
		return func() {}
	}
	return func() { _ = subscription.Unsubscribe() }
}

// DrainHandler is POST /cluster/drain?node=ID, nil with an external NATS. Its bearer token is
// broker.OperatorToken of the cluster's secret.
func (n *Node) DrainHandler() http.HandlerFunc {
	if n.config.Embedded == nil {
		return nil
	}
	token := []byte(broker.OperatorToken(n.config.Embedded.Secret))
	return func(w http.ResponseWriter, r *http.Request) {
		given, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !is || subtle.ConstantTimeCompare([]byte(given), token) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			respond(w, http.StatusUnauthorized, Refusal{"this is not the cluster's secret"})
			return
		}
		id := r.URL.Query().Get("node")
		if !lease.ValidID(id) {
			respond(w, http.StatusBadRequest, Refusal{"no node has this id"})
			return
		}
		if err := n.askToDrain(id); errors.Is(err, nats.ErrNoResponders) {
			respond(w, http.StatusNotFound, Refusal{"no node " + id + " is up"})
		} else if err != nil {
			respond(w, http.StatusServiceUnavailable, Refusal{err.Error()})
		} else {
			w.WriteHeader(http.StatusAccepted)
		}
	}
}

// ErrNoNode: no node with that id is up, or none can have it.
var ErrNoNode = errors.New("cluster: no such node")

// AskToDrain asks a node to drain, for whoever has proved to be an operator. With an external NATS
// no other node can be asked.
func (n *Node) AskToDrain(id string) error {
	if n.config.Embedded == nil && id != n.ID() || !lease.ValidID(id) {
		return ErrNoNode
	}
	err := n.askToDrain(id)
	if errors.Is(err, nats.ErrNoResponders) {
		return ErrNoNode
	}
	return err
}

func (n *Node) askToDrain(id string) error {
	if id == n.ID() {
		n.askedToDrain()
		return nil
	}
	_, err := n.broker.Conn().Request(drainPrefix+id, nil, askTimeout)
	return err
}
