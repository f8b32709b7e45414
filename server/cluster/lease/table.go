package lease

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Table says who owns each shard.
type Table struct {
	// Nodes are those that Shards names, in the order of their ids and nonces.
	Nodes []Incarnation
	// Shards has a place for each shard.
	Shards [Shards]Place
}

// Place is a shard's owner.
type Place struct {
	// Owner and Wanted are one more than an index of Table.Nodes; 0 is nobody. Wanted is to whom
	// the owner shall hand the shard over.
	Owner, Wanted uint8
	// Term grows with each change of owner.
	Term uint64
}

const (
	tableVersion = 1
	placeBytes   = 1 + 1 + 8
	// MaxTableBytes bounds an encoded table: a fortieth of what NATS lets a message have.
	MaxTableBytes = 2 + MaxNodes*(1+MaxIDBytes+8) + Shards*placeBytes + checksumBytes
)

// Append encodes the table.
func (t *Table) Append(b []byte) []byte {
	start := len(b)
	b = append(b, tableVersion, byte(len(t.Nodes)))
	for _, n := range t.Nodes {
		b = append(append(b, byte(len(n.ID))), n.ID...)
		b = binary.LittleEndian.AppendUint64(b, n.Nonce)
	}
	for i := range t.Shards {
		p := &t.Shards[i]
		b = binary.LittleEndian.AppendUint64(append(b, p.Owner, p.Wanted), p.Term)
	}
	return binary.LittleEndian.AppendUint32(b, checksum(TableKey, b[start:]))
}

// DecodeTable decodes what TableKey holds; ErrNewer or ErrCorrupt.
func DecodeTable(b []byte) (*Table, error) {
	if len(b) > 0 && b[0] > tableVersion {
		return nil, ErrNewer
	}
	if len(b) < 2+checksumBytes || len(b) > MaxTableBytes || b[0] != tableVersion {
		return nil, ErrCorrupt
	}
	body, sum := b[:len(b)-checksumBytes], b[len(b)-checksumBytes:]
	if binary.LittleEndian.Uint32(sum) != checksum(TableKey, body) {
		return nil, ErrCorrupt
	}
	t := &Table{Nodes: make([]Incarnation, 0, body[1])}
	rest := body[2:]
	for range body[1] {
		if len(rest) < 1 || len(rest) < 1+int(rest[0])+8 {
			return nil, ErrCorrupt
		}
		id := string(rest[1 : 1+int(rest[0])])
		rest = rest[1+len(id):]
		n := Incarnation{id, binary.LittleEndian.Uint64(rest)}
		if last := len(t.Nodes) - 1; !ValidID(id) || last >= 0 && compare(t.Nodes[last], n) >= 0 {
			return nil, ErrCorrupt
		}
		t.Nodes, rest = append(t.Nodes, n), rest[8:]
	}
	if len(rest) != Shards*placeBytes {
		return nil, ErrCorrupt
	}
	for i := range t.Shards {
		p := Place{rest[0], rest[1], binary.LittleEndian.Uint64(rest[2:])}
		if max(p.Owner, p.Wanted) > body[1] || p.Owner == 0 && p.Wanted != 0 || p.Owner != 0 && p.Term == 0 {
			return nil, ErrCorrupt
		}
		t.Shards[i], rest = p, rest[placeBytes:]
	}
	return t, nil
}

func compare(a, b Incarnation) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Nonce, b.Nonce))
}

// node is who an Owner or Wanted names.
func (t *Table) node(index uint8) Incarnation {
	if index == 0 {
		return Incarnation{}
	}
	return t.Nodes[index-1]
}

// edit is a table that is being changed, with its nodes by name.
type edit struct {
	owner, wanted [Shards]Incarnation
	term          [Shards]uint64
	changed       bool
}

func (t *Table) edit() *edit {
	e := &edit{}
	for i := range t.Shards {
		p := t.Shards[i]
		e.owner[i], e.wanted[i], e.term[i] = t.node(p.Owner), t.node(p.Wanted), p.Term
	}
	return e
}

// own gives a shard to a node in the write that expects revision. The term follows from it, and
// so grows: whatever is stored next has a higher revision.
func (e *edit) own(shard int, to Incarnation, revision uint64) {
	e.owner[shard], e.wanted[shard], e.term[shard] = to, Incarnation{}, revision+1
	e.changed = true
}

func (e *edit) want(shard int, to Incarnation) {
	if e.wanted[shard] != to {
		e.wanted[shard], e.changed = to, true
	}
}

// table is the edited table. ok is false if it names more than MaxNodes.
func (e *edit) table() (t *Table, ok bool) {
	t = &Table{}
	index := func(n Incarnation) uint8 {
		at, _ := slices.BinarySearchFunc(t.Nodes, n, compare)
		return uint8(at + 1)
	}
	for i := range Shards {
		for _, n := range [2]Incarnation{e.owner[i], e.wanted[i]} {
			if n == (Incarnation{}) {
				continue
			}
			if at, found := slices.BinarySearchFunc(t.Nodes, n, compare); !found {
				t.Nodes = slices.Insert(t.Nodes, at, n)
			}
		}
	}
	if len(t.Nodes) > MaxNodes {
		return nil, false
	}
	for i := range Shards {
		p := Place{Term: e.term[i]}
		if e.owner[i] != (Incarnation{}) {
			p.Owner = index(e.owner[i])
		}
		if e.wanted[i] != (Incarnation{}) {
			p.Wanted = index(e.wanted[i])
		}
		t.Shards[i] = p
	}
	return t, true
}
