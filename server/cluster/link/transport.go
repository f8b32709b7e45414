package link

// Transport carries messages between incarnations. It may lose messages; it must not change their
// order between two nodes, or links break again and again.
type Transport interface {
	// Send sends a message, which it does not keep, and waits for nobody to take it. It may be
	// called from many goroutines, also with locks held that received needs. After an error nothing
	// was sent.
	Send(to Incarnation, message []byte) error
	// Receive calls received for each message to this node, those of one sender one at a time. The
	// message may be reused when received returns. Nothing is received once stop has returned,
	// except by a call of received that had begun.
	Receive(self Incarnation, received func(message []byte)) (stop func(), err error)
}
