package edge

// Rate bounds how often something may happen: PerSecond in the long run, Burst at once. The zero
// Rate sets no bound.
type Rate struct{ PerSecond, Burst int }

// bucket is a Rate as a token bucket kept in one number: the time in ns at which the bucket would
// be full again (the generic cell rate algorithm, ITU-T I.371).
type bucket struct{ each, whole int64 }

func bucketOf(r Rate) bucket {
	if r.PerSecond == 0 {
		return bucket{}
	}
	each := max(1e9/int64(r.PerSecond), 1)
	return bucket{each, int64(r.Burst) * each}
}

// take takes n tokens from a bucket that is full again at *full, or returns false if there are too
// few.
func (b bucket) take(full *int64, now int64, n int) bool {
	if b.each == 0 {
		return true
	}
	at := *full
	if at < now || at-now > b.whole { // full, or the clock was set back
		at = now
	}
	if at += int64(n) * b.each; at-now > b.whole {
		return false
	}
	*full = at
	return true
}

// Budgets of one network address.
const (
	accepts = iota
	requests
	joins
	messages
	payload // bytes
	budgets
)

// RequestCost is how many messages a state-changing message counts as. The core uses the same
// number.
const RequestCost = 20
