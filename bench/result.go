package bench

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Result is what a run saw. Its JSON is stable: fields may come, none go.
type Result struct {
	Plan  Plan      `json:"plan"`
	Began time.Time `json:"began"`
	// Seconds is how long the run took.
	Seconds     float64 `json:"seconds"`
	Interrupted bool    `json:"interrupted"`
	// Seated are the people who had a seat at the end, of those who should have had one.
	Seated int `json:"seated"`
	People int `json:"people"`
	// Sent and Arrived are messages between people. Lost ones were for somebody who was there to
	// the end; ToLeavers came back because their target had just left.
	Sent       int `json:"sent"`
	Arrived    int `json:"arrived"`
	Lost       int `json:"lost"`
	OutOfOrder int `json:"outOfOrder"`
	ToLeavers  int `json:"toLeavers"`
	// Refusals are by the server's error code, Closes by close code and reason.
	Refusals map[string]int `json:"refusals"`
	Closes   map[string]int `json:"closes"`
	// Sentences are what the server said to the first refusal of each code.
	Sentences map[string]string `json:"sentences"`
	Times     []Times           `json:"times"`
	Series    []Second          `json:"series"`
	Go        string            `json:"go"`
	Cores     int               `json:"cores"`
}

// Times is how long one kind of thing took, in ms.
type Times struct {
	What  string  `json:"what"`
	Count int64   `json:"count"`
	P50   float64 `json:"p50Ms"`
	P90   float64 `json:"p90Ms"`
	P99   float64 `json:"p99Ms"`
	P999  float64 `json:"p999Ms"`
	Max   float64 `json:"maxMs"`
	// Curve are points of the distribution, for the chart.
	Curve []Point `json:"curve"`
}

// Point is one point of a distribution.
type Point struct {
	Percentile float64 `json:"percentile"`
	Ms         float64 `json:"ms"`
}

// curvePercentiles are where a distribution is read: evenly in its nines.
var curvePercentiles = []float64{0, 10, 25, 50, 65, 75, 82, 87, 90, 93, 95, 97, 98, 98.5, 99, 99.3, 99.5, 99.7, 99.8, 99.9, 99.95, 99.99}

func (r *run) result(interrupted bool) *Result {
	lost, seated := r.missing(), len(r.present())
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	result := &Result{
		Plan: r.plan, Began: t.began, Seconds: time.Since(t.began).Seconds(), Interrupted: interrupted,
		Seated: seated, People: r.plan.total(), Sent: t.sent, Arrived: t.arrived, Lost: lost, OutOfOrder: t.outOfOrder, ToLeavers: t.toLeft,
		Refusals: t.refusals, Closes: t.closes, Sentences: t.sentences, Series: t.series, Go: runtime.Version(), Cores: runtime.NumCPU(),
	}
	for k, h := range t.times {
		if h.TotalCount() == 0 {
			continue
		}
		at := func(percent float64) float64 { return inMs(h.ValueAtPercentile(percent)) }
		times := Times{What: Kind(k).String(), Count: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: inMs(h.Max())}
		for _, percent := range curvePercentiles {
			times.Curve = append(times.Curve, Point{percent, at(percent)})
		}
		result.Times = append(result.Times, times)
	}
	return result
}

// Rate is messages a second while people negotiated and joined.
func (r *Result) Rate() float64 { return float64(r.Arrived) / max(r.Seconds, 0.001) }

// Problem is what went wrong, nil if everybody was seated and everything arrived in order.
func (r *Result) Problem() error {
	var problems, hints []string
	problem := func(hint, format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
		for line := range strings.SplitSeq(hint, "\n") {
			if line != "" && !slices.Contains(hints, line) {
				hints = append(hints, line)
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(r.Refusals)) {
		problem(hintFor(code, later), "%s refused: %s: %s", times(r.Refusals[code]), code, r.Sentences[code])
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Closes)) {
		problem(hintForClose(reason), "%s closed by the server: %s", counted(r.Closes[reason], "connection"), reason)
	}
	if r.Lost > 0 {
		problem("", "%s lost", counted(r.Lost, "message"))
	}
	if r.OutOfOrder > 0 {
		problem("", "%s out of order", counted(r.OutOfOrder, "message"))
	}
	if r.Seated < r.People && !r.Interrupted {
		problem("", "only %d of %d had a seat at the end", r.Seated, r.People)
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{strings.Join(problems, "\n"), strings.Join(hints, "\n")}
}

// counted is a number of something: 1 room, 2 rooms.
func counted(n any, what string) string {
	number := fmt.Sprint(n)
	if number != "1" {
		what += "s"
	}
	return number + " " + what
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
