package store

// Message is something to be sent on, which is stored together with the change of a room that it
// tells of.
type Message struct {
	// ID is the message's, the same for each try to send it.
	ID string
	// AtMs is when it happened, in ms since 1970.
	AtMs int64
	// Body is opaque to the store.
	Body []byte
}

// Queued is a Message that is stored.
type Queued struct {
	Message
	// Seq orders the messages of a room. It is unique.
	Seq    uint64
	RoomID string
	// Failure is why it was set aside, "" while it waits.
	Failure string
}

// Queue is a Store that also keeps messages. Package storetest has the tests that every Queue must
// pass.
type Queue interface {
	Store
	// SaveWith is Save, and DeleteWith is Delete, with messages that are queued in the same
	// transaction: when done is called with nil they are durable, and after an error all or none of
	// them are. The messages of an id are queued in the order of the calls, also those of a record
	// that a newer one replaces. If the queue is full, the newest are dropped and counted.
	SaveWith(id string, r Record, messages []Message, done func(error))
	DeleteWith(id string, messages []Message, done func(error))
	// Waiting returns up to n messages that are durable and wait, from the first after a Seq, in
	// order. A message may be among them only a little after the done of its change. It may wait
	// for a disk or a network.
	Waiting(after uint64, n int) ([]Queued, error)
	// Settle removes messages that were sent, by their Seq, and sets others aside, which are as
	// Waiting returned them but for their Failure. It returns once that is durable. Those that are
	// unknown are ignored. Of those set aside only the newest MaxSetAside are kept.
	Settle(sent []uint64, failed []Queued) error
	// SetAside returns the messages that were set aside, the oldest first.
	SetAside() ([]Queued, error)
	// Replay queues messages again that were set aside, as the newest of their rooms, by their ID;
	// all for no IDs. It returns how many there were.
	Replay(ids []string) (int, error)
	// Depth is how many messages wait, and Dropped how many this process has dropped since it
	// opened the store.
	Depth() int
	Dropped() uint64
}

// MaxSetAside bounds the messages that are set aside.
const MaxSetAside = 1000
