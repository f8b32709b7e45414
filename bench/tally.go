package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Kind is what is timed.
type Kind int

// What is timed: the connection up to the response to its upgrade, the join up to its reply, the
// three kinds of message from send to arrival, and the negotiation from the offer's send to the
// answer's arrival. Late is how long after its time the bench itself did something.
const (
	Connect Kind = iota
	Join
	Offer
	Answer
	Candidate
	Negotiation
	Late
	kinds
)

// String is the name in reports.
func (k Kind) String() string {
	return [kinds]string{"connect", "join", "offer", "answer", "candidate", "negotiation", "bench late"}[k]
}

// longest is the longest time that is told apart, in µs.
const longest = int64(10 * time.Minute / time.Microsecond)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

// tally is what all people have seen.
type tally struct {
	mu     sync.Mutex
	began  time.Time
	times  [kinds]*hdrhistogram.Histogram
	second *hdrhistogram.Histogram // deliveries of the second under way
	series []Second

	seated, sent, arrived int
	outOfOrder, toLeft    int
	refusals, closes      map[string]int
	sentences             map[string]string // of each refusal the first
}

// Second is one second of the run.
type Second struct {
	People   int     `json:"people"`
	Messages int     `json:"messages"`
	P50Ms    float64 `json:"p50Ms"`
	P99Ms    float64 `json:"p99Ms"`
}

func newTally() *tally {
	t := &tally{began: time.Now(), second: newHistogram(), refusals: map[string]int{}, sentences: map[string]string{}, closes: map[string]int{}}
	for k := range t.times {
		t.times[k] = newHistogram()
	}
	return t
}

func (t *tally) took(k Kind, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record(k, d)
}

func (t *tally) record(k Kind, d time.Duration) {
	_ = t.times[k].RecordValue(min(longest, max(1, int64(d/time.Microsecond)))) // always in range
}

// delivered counts a message that has arrived.
func (t *tally) delivered(k Kind, d time.Duration, inOrder bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record(k, d)
	_ = t.second.RecordValue(min(longest, max(1, int64(d/time.Microsecond))))
	t.arrived++
	if !inOrder {
		t.outOfOrder++
	}
}

func (t *tally) count(n *int, by int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n += by
}

// refused counts an error by its code.
func (t *tally) refused(code, sentence string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refusals[code]++
	if t.sentences[code] == "" {
		t.sentences[code] = sentence
	}
}

func (t *tally) closed(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closes[reason]++
}

// endSecond appends the second that is over.
func (t *tally) endSecond() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.series = append(t.series, Second{
		People: t.seated, Messages: int(t.second.TotalCount()),
		P50Ms: inMs(t.second.ValueAtPercentile(50)), P99Ms: inMs(t.second.ValueAtPercentile(99)),
	})
	t.second.Reset()
}

// inMs takes µs.
func inMs(us int64) float64 { return float64(us) / 1000 }
