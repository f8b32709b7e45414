package link

import "fmt"

// Wire is the major versions of messages that a node speaks, from Min to Max. What a release
// changes in messages that an older node could not skip has a new major version; the release speaks
// the one before as well, so that nodes of neighboring releases have one in common.
type Wire struct{ Min, Max uint8 }

// Spoken are the versions that this package speaks.
var Spoken = Wire{MinWire, MaxWire}

// HintWire says what to do about two nodes that have no version in common.
const HintWire = "upgrade release by release, leaving none out: start a release between the two first"

// Agree returns the highest version that both nodes speak, and whether one exists.
func (w Wire) Agree(other Wire) (major uint8, ok bool) {
	major = min(w.Max, other.Max)
	return major, major >= max(w.Min, other.Min)
}

// String is for logs and errors.
func (w Wire) String() string {
	if w.Min == w.Max {
		return fmt.Sprint(w.Min)
	}
	return fmt.Sprintf("%d to %d", w.Min, w.Max)
}

func (w Wire) has(major uint8) bool { return major >= w.Min && major <= w.Max }
