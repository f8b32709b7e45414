package lease

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func sampleRecord() Record {
	return Record{Nonce: 1 << 60, Counter: 7, Draining: true, MinWire: 1, MaxWire: 2, Address: "node-a:8787"}
}

func sampleTable() *Table {
	e := (&Table{}).edit()
	a, b := Incarnation{"a", 1}, Incarnation{"b", 1 << 63}
	for i := range Shards {
		e.own(i, [2]Incarnation{a, b}[i%2], uint64(i))
	}
	e.want(0, b)
	t, _ := e.table()
	return t
}

func TestRecordComesBack(t *testing.T) {
	for _, want := range []Record{{Nonce: 1}, sampleRecord(), {Nonce: 2, Evicted: true, Address: strings.Repeat("x", MaxAddressBytes)}} {
		got, err := DecodeRecord("a", want.Append(nil, "a"))
		if err != nil || got != want {
			t.Errorf("%+v is %+v, %v", want, got, err)
		}
	}
}

func TestTableComesBack(t *testing.T) {
	for _, want := range []*Table{{}, sampleTable()} {
		encoded := want.Append(nil)
		got, err := DecodeTable(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if again := got.Append(nil); !bytes.Equal(again, encoded) || got.Shards != want.Shards {
			t.Error("the table is another after decoding")
		}
	}
}

// TestTableIsSmall: NATS takes a message of 1 MiB by default.
func TestTableIsSmall(t *testing.T) {
	e := (&Table{}).edit()
	for i := range Shards {
		e.own(i, Incarnation{strings.Repeat("n", MaxIDBytes), uint64(i%MaxNodes) + 1}, 1<<63)
	}
	table, ok := e.table()
	if !ok || len(table.Append(nil)) != MaxTableBytes || MaxTableBytes > 1<<20/32 {
		t.Errorf("a table of %d nodes has %d bytes, and the bound is %d", len(table.Nodes), len(table.Append(nil)), MaxTableBytes)
	}
	e.own(0, Incarnation{"m", 1}, 1)
	if _, ok := e.table(); ok {
		t.Errorf("a table names %d nodes", MaxNodes+1)
	}
}

func TestNewerAndCorruptAreTold(t *testing.T) {
	record, table := sampleRecord(), sampleTable()
	r, b := record.Append(nil, "a"), table.Append(nil)
	if _, err := DecodeRecord("b", r); !errors.Is(err, ErrCorrupt) {
		t.Error("another node's record", err)
	}
	for i := range r {
		r[i] ^= 0x80
		if _, err := DecodeRecord("a", r); i > 0 && !errors.Is(err, ErrCorrupt) || i == 0 && !errors.Is(err, ErrNewer) {
			t.Errorf("byte %d: %v", i, err)
		}
		r[i] ^= 0x80
	}
	for i := range b {
		b[i] ^= 0x80
		if _, err := DecodeTable(b); i > 0 && !errors.Is(err, ErrCorrupt) || i == 0 && !errors.Is(err, ErrNewer) {
			t.Errorf("byte %d: %v", i, err)
		}
		b[i] ^= 0x80
	}
	for n := range r {
		if _, err := DecodeRecord("a", r[:n]); err == nil {
			t.Errorf("%d bytes of a record", n)
		}
	}
}

// FuzzRecord also mends the checksum, so that the layout is tried too.
func FuzzRecord(f *testing.F) {
	record := sampleRecord()
	f.Add(record.Append(nil, "a"))
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, mend("a", b)} {
			record, err := DecodeRecord("a", b)
			if err == nil && !bytes.Equal(record.Append(nil, "a"), b) {
				t.Errorf("%x is %+v", b, record)
			}
		}
	})
}

// FuzzTable also mends the checksum, so that the layout is tried too.
func FuzzTable(f *testing.F) {
	f.Add(sampleTable().Append(nil))
	f.Add((&Table{}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, mend(TableKey, b)} {
			table, err := DecodeTable(b)
			if err == nil && !bytes.Equal(table.Append(nil), b) {
				t.Errorf("%x is %+v", b, table)
			}
			if err == nil {
				table.edit()
			}
		}
	})
}

func mend(key string, b []byte) []byte {
	if len(b) < checksumBytes {
		return b
	}
	body := bytes.Clone(b[:len(b)-checksumBytes])
	sum := checksum(key, body)
	return append(body, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
}
