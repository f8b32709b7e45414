package bolt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"testing"

	"usher/server/store"
)

var records = []struct {
	name, id string
	r        store.Record
}{
	{"empty", "a", store.Record{Snapshot: []byte{}}},
	{"usual", "room-1", store.Record{ExpiresAtMs: 1_700_000_000_000, Creator: 42, Snapshot: []byte("snapshot")}},
	{"clean", "room-1", store.Record{Clean: true, Snapshot: []byte("snapshot")}},
	{"extremes", string(make([]byte, store.MaxIDBytes)), store.Record{ExpiresAtMs: math.MinInt64, Creator: math.MaxUint64, Snapshot: make([]byte, 100_000)}},
}

func TestRecordSurvivesItsEncoding(t *testing.T) {
	for _, c := range records {
		t.Run(c.name, func(t *testing.T) {
			encoded := appendRecord([]byte("before"), c.id, c.r)[len("before"):]
			got, err := decodeRecord(c.id, encoded)
			if err != nil || got.ExpiresAtMs != c.r.ExpiresAtMs || got.Creator != c.r.Creator || got.Clean != c.r.Clean ||
				!bytes.Equal(got.Snapshot, c.r.Snapshot) {
				t.Fatalf("got %v, %v", got, err)
			}
		})
	}
}

// TestRecordLayoutStays fails when a change would make the stores of older ushers unreadable.
func TestRecordLayoutStays(t *testing.T) {
	const want = "0200" + "1685f8f6" + "0068e5cf8b010000" + "2a00000000000000" + "736e617073686f74"
	if got := hex.EncodeToString(appendRecord(nil, records[1].id, records[1].r)); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestChangedRecordIsNotDecoded(t *testing.T) {
	const id = "room-1"
	sound := appendRecord(nil, id, records[1].r)
	for i := range sound {
		for bit := range 8 {
			bad := bytes.Clone(sound)
			bad[i] ^= 1 << bit
			if _, err := decodeRecord(id, bad); err == nil {
				t.Fatalf("byte %d, bit %d: decoded", i, bit)
			}
		}
	}
	with := func(version, flags byte) []byte {
		b := bytes.Clone(sound)
		b[0], b[1] = version, flags
		reseal(id, b)
		return b
	}
	for _, c := range []struct {
		name, id string
		encoded  []byte
		want     error
	}{
		{"nothing", id, nil, errRecordShort},
		{"cut header", id, sound[:recordHeaderBytes-1], errRecordShort},
		{"cut snapshot", id, sound[:len(sound)-1], errRecordChecksum},
		{"longer", id, append(bytes.Clone(sound), 0), errRecordChecksum},
		{"another room's", "room-2", sound, errRecordChecksum},
		{"no version", id, with(0, 0), errRecordVersion},
		{"flags before there were any", id, with(1, 1), errRecordFlags},
		{"two versions on", id, with(recordVersion+2, 0), store.ErrNewer},
		{"a critical flag of a later version", id, with(recordVersion, 0x10), store.ErrNewer},
		{"version 1", id, with(1, 0), nil},
		{"one version on", id, with(recordVersion+1, 0), nil},
		{"a flag of a later version that may be ignored", id, with(recordVersion, 0x08), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := decodeRecord(c.id, c.encoded); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

// reseal gives a changed record a right checksum.
func reseal(id string, encoded []byte) {
	sum := recordChecksum(id, encoded)
	encoded[2], encoded[3], encoded[4], encoded[5] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
}

func FuzzDecodeRecord(f *testing.F) {
	for _, c := range records[:2] {
		f.Add(c.id, appendRecord(nil, c.id, c.r))
	}
	f.Add("short", []byte{1, 0, 0})
	f.Add("old", append([]byte{0}, make([]byte, recordHeaderBytes)...))
	f.Fuzz(func(t *testing.T, id string, encoded []byte) {
		// Random bytes never have a right checksum: try them with one too.
		sealed := bytes.Clone(encoded)
		if len(sealed) >= recordHeaderBytes {
			reseal(id, sealed)
		}
		for _, b := range [][]byte{encoded, sealed} {
			r, err := decodeRecord(id, b)
			if err != nil {
				continue
			}
			again, err := decodeRecord(id, appendRecord(nil, id, r))
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Fatalf("%x decodes, but not as what it is written again", b)
			}
		}
	})
}
