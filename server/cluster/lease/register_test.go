package lease

import (
	"fmt"
	"slices"
	"strings"
)

// register is the store: keys with revisions, which are numbers of one sequence. It keeps the last
// versions, for replicas that are behind.
type register struct {
	seq  uint64
	keys []string
	log  map[string][]Stored
	// current is the table as it is decoded.
	current *Table
}

// maxBehind is how many writes a replica can be behind.
const maxBehind = 64

func newRegister() *register { return &register{log: map[string][]Stored{}, current: &Table{}} }

func (r *register) last(key string) Stored {
	if versions := r.log[key]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	return Stored{}
}

// put writes on condition; conflict is the revision that the key has instead. by is the writer,
// for the check of what is written.
func (r *register) put(by Incarnation, key string, expected uint64, bytes []byte) (revision uint64, ok bool, fault string) {
	if last := r.last(key).Revision; last != expected && expected != anyRevision {
		return last, false, ""
	}
	if key == TableKey {
		fault = r.checkTable(by, bytes)
	}
	return r.write(key, bytes), true, fault
}

func (r *register) write(key string, bytes []byte) uint64 {
	if _, known := r.log[key]; !known {
		r.keys = append(r.keys, key)
		slices.Sort(r.keys)
	}
	r.seq++
	versions := append(r.log[key], Stored{key, r.seq, bytes})
	for len(versions) > 1 && versions[1].Revision+maxBehind < r.seq {
		versions = versions[1:]
	}
	r.log[key] = versions
	return r.seq
}

// expire forgets a key, unless it was written again.
func (r *register) expire(key string, revision uint64) {
	if r.last(key).Revision == revision {
		delete(r.log, key)
	}
}

// at are the records that a replica has that has come up to a sequence.
func (r *register) at(upTo uint64) (records []Stored) {
	for _, key := range r.keys {
		for _, version := range slices.Backward(r.log[key]) {
			if version.Revision <= upTo {
				records = append(records, version)
				break
			}
		}
	}
	return records
}

// record is a node's record as it is.
func (r *register) record(id string) (Record, bool) {
	stored := r.last(NodePrefix + id)
	record, err := DecodeRecord(id, stored.Bytes)
	return record, err == nil
}

// checkTable holds a table to the one before: a shard leaves an owner only by its own write or
// after its end, and terms never fall.
func (r *register) checkTable(by Incarnation, bytes []byte) (fault string) {
	table, err := DecodeTable(bytes)
	if err != nil {
		return err.Error()
	}
	before := r.current
	r.current = table
	for i := range Shards {
		from, to := before.Shards[i], table.Shards[i]
		was, is := before.node(from.Owner), table.node(to.Owner)
		switch {
		case was == is && from.Term == to.Term:
		case to.Term <= from.Term:
			return fmt.Sprintf("terms: shard %d of %v has term %d after %d of %v", i, is, to.Term, from.Term, was)
		case was != Incarnation{} && was != by:
			if record, ok := r.record(was.ID); !ok || record.Nonce == was.Nonce && !record.Evicted {
				return fmt.Sprintf("taken: shard %d leaves %v, which lives, for %v by %v", i, was, is, by)
			}
		}
	}
	return ""
}

// faultKindOf is the first word of a fault.
func faultKindOf(fault string) string {
	before, _, _ := strings.Cut(fault, ":")
	return before
}
