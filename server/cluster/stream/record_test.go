package stream

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// The shard of a room never changes: other versions look for it there. The numbers come from
// another program.
func TestShardVectors(t *testing.T) {
	for id, want := range map[string]int{
		"a": 192, "room-1": 360, "film-night": 581, "Raum mit Ümlaut": 21, "0123456789abcdef0123456789abcdef": 962,
	} {
		if got := lease.ShardOf(id); got != want {
			t.Errorf("%s is in shard %d, want %d", id, got, want)
		}
	}
}

// Names that count up are spread over all shards.
func TestShardsAreEven(t *testing.T) {
	var rooms [lease.Shards]int
	for i := range 100 * lease.Shards {
		rooms[lease.ShardOf(fmt.Sprint("room-", i))]++
	}
	for shard, n := range rooms {
		if n < 50 || n > 150 {
			t.Errorf("shard %d has %d rooms of 100", shard, n)
		}
	}
}

func TestRoomKeys(t *testing.T) {
	for _, id := range []string{"a", "room.1 > *", "Raum mit Ümlaut", "\x00\xff", strings.Repeat("x", store.MaxIDBytes)} {
		key := roomKey(id)
		if got, ok := roomID(key); !ok || got != id || strings.ContainsAny(key, " >*") || strings.Count(key, ".") != 3 {
			t.Errorf("%q has the key %q, of %q", id, key, got)
		}
	}
	for _, key := range []string{"", roomPrefix, roomPrefix + "1.YQ", roomPrefix + "192.YQ=", roomPrefix + "192.", roomPrefix + "192.!"} {
		if id, ok := roomID(key); ok {
			t.Errorf("%q is the key of %q", key, id)
		}
	}
}

func TestRecordIsReadAsWritten(t *testing.T) {
	for _, r := range []stored{
		{record: store.Record{Snapshot: []byte{}}},
		{term: 1, incarnation: "a-1", record: store.Record{ExpiresAtMs: -1, Creator: 1<<64 - 1, Clean: true, Snapshot: []byte("snapshot")}},
		{term: 2, incarnation: "a-1", record: store.Record{Snapshot: []byte("snapshot")}, outbox: messages("one", "")},
		{tombstone: true, record: store.Record{Snapshot: []byte{}}, outbox: messages("two")},
		{term: 1<<64 - 1, incarnation: strings.Repeat("n", MaxIncarnationBytes), tombstone: true, record: store.Record{Snapshot: []byte{}}},
	} {
		encoded := appendStored([]byte("before"), "u.room.1.x", &r)[len("before"):]
		got, err := decodeStored("u.room.1.x", encoded)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v is read as %+v, %v", r, got, err)
		}
		if _, err := decodeStored("u.room.1.y", encoded); !errors.Is(err, errRecord) {
			t.Errorf("under another key: %v", err)
		}
		outbox := r.outbox
		if r.outbox = nil; len(outbox) > 0 {
			if later := withOutbox("u.room.1.x", appendStored(nil, "u.room.1.x", &r), outbox); !bytes.Equal(later, encoded) {
				t.Errorf("with an outbox put in later it is %q, not %q", later, encoded)
			}
		}
	}
}

// Any byte that is not as written is noticed.
func TestDamageIsNoticed(t *testing.T) {
	key := roomKey("room-1")
	for _, outbox := range [][]store.Message{nil, messages("one", "two")} {
		r := stored{term: 7, incarnation: "node", record: store.Record{Creator: 5, Snapshot: []byte("snapshot")}, outbox: outbox}
		encoded := appendStored(nil, key, &r)
		for i := range encoded {
			for bit := range 8 {
				damaged := bytes.Clone(encoded)
				damaged[i] ^= 1 << bit
				if _, err := decodeStored(key, damaged); !errors.Is(err, errRecord) {
					t.Errorf("byte %d, bit %d: %v", i, bit, err)
				}
			}
		}
		for n := range encoded {
			if _, err := decodeStored(key, encoded[:n]); !errors.Is(err, errRecord) {
				t.Errorf("%d bytes of it: %v", n, err)
			}
		}
	}
}

// A record without messages is what it was before there were any: an older node can read it.
func TestRecordsWithoutMessagesAreAsBefore(t *testing.T) {
	got := appendStored(nil, "u.room.1.x", &stored{term: 1, incarnation: "n", record: store.Record{Clean: true, Creator: 2, ExpiresAtMs: 3, Snapshot: []byte("s")}})
	copy(got[2:6], "0000") // the checksum
	const want = "\x01\x010000\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01ns"
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if withOne := appendStored(nil, "u.room.1.x", &stored{outbox: messages("one")}); withOne[1] != 0x10 {
		t.Errorf("the flags of one with messages are %#x", withOne[1])
	}
}

// A reader takes the version after its own and unknown small flags, and refuses what is newer or
// has unknown flags that matter.
func TestVersions(t *testing.T) {
	key := roomKey("room-1")
	for _, row := range []struct {
		version, flags byte
		want           error
	}{
		{0, 0, errRecord}, {recordVersion, 0x0c, nil}, {recordVersion + 1, 0, nil},
		{recordVersion + 2, 0, store.ErrNewer}, {recordVersion, 0x20, store.ErrNewer}, {recordVersion, 0x80, store.ErrNewer},
	} {
		encoded := appendStored(nil, key, &stored{incarnation: "node"})
		encoded[0], encoded[1] = row.version, row.flags
		seal(key, encoded)
		if _, err := decodeStored(key, encoded); !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
			t.Errorf("version %d, flags %x: %v, want %v", row.version, row.flags, err, row.want)
		}
	}
}

func FuzzDecodeStored(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendStored(nil, "u.room.1.x", &stored{term: 1, incarnation: "node", record: store.Record{Clean: true, Snapshot: []byte("x")}}))
	f.Add(appendStored(nil, "u.room.1.x", &stored{tombstone: true, outbox: messages("one", "two")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeStored("u.room.1.x", b)
		if len(b) >= recordFixedBytes && err != nil { // with a right checksum
			seal("u.room.1.x", b)
			r, err = decodeStored("u.room.1.x", b)
		}
		if err != nil {
			return
		}
		again, err := decodeStored("u.room.1.x", appendStored(nil, "u.room.1.x", &r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v is read again as %+v, %v", r, again, err)
		}
	})
}
