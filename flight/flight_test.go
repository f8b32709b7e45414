package flight

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher/protocol"
	"usher/room"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/film.jsonl again")

const filmFile = "testdata/film.jsonl"

// TestFileReplays replays a file of an earlier day: a core that does something else must say so in
// its commit, and write the file again.
func TestFileReplays(t *testing.T) {
	if *rewrite {
		r := newRecorder(t)
		r.film()
		_, dump := r.recording()
		if err := os.WriteFile(filmFile, dump, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list := replayFile(t)
	if i := Difference(list); i >= 0 || len(list) < 10 {
		t.Fatalf("event %d of %d differs; see `go test ./flight -rewrite`", i, len(list))
	}
}

func readFile(t testing.TB) *Recording {
	t.Helper()
	file, err := os.Open(filmFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	recording, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return recording
}

func replayFile(t *testing.T) []Replayed {
	t.Helper()
	list, err := Replay(readFile(t))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestReplaySaysWhereEffectsDiffer(t *testing.T) {
	recording := readFile(t)
	recording.Entries[4].Effects = recording.Entries[4].Effects[1:]
	list, err := Replay(recording)
	if i := Difference(list); err != nil || i != 4 {
		t.Errorf("event %d, %v", i, err)
	}
	for _, from := range []string{"", "nonsense", `{"flight":99}`, `{"flight":1}` + "\n" + `{"kind":"no such"}`, `{"flight":1}` + "\n{"} {
		if _, err := Read(strings.NewReader(from)); err == nil {
			t.Errorf("%q is read", from)
		}
	}
}

// TestReplaysInWasm runs TestFileReplays in Wasm, as the worker runs the core.
func TestReplaysInWasm(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node")
	}
	dir := t.TempDir()
	program, script := filepath.Join(dir, "flight.wasm"), filepath.Join(dir, "run.mjs")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	text := `import {WASI} from "node:wasi"; import {readFileSync} from "node:fs"
const [program, here] = process.argv.slice(2)
const wasi = new WASI({version: "preview1", args: ["flight", "-test.v", "-test.run=^TestFileReplays$"], preopens: {"/": here}, env: {PWD: "/"}})
const {instance} = await WebAssembly.instantiate(readFileSync(program), wasi.getImportObject())
process.exitCode = wasi.start(instance)
`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(node, "--no-warnings", script, program, here).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFileReplays")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDiagramIsXML(t *testing.T) {
	list := replayFile(t)
	list[5].Differs, list[5].Message.Type = true, `<b>&"`
	svg := SVG(&readFile(t).Header, list)
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	for _, want := range []string{"CREATE_ROOM", "WEBRTC_OFFER", "connection 1", "prefers-color-scheme"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("no %s in the diagram", want)
		}
	}
}

// TestRecordedRelayDoesNotAllocate is about a relay for which the segment has space.
func TestRecordedRelayDoesNotAllocate(t *testing.T) {
	r := newRecorder(t)
	r.film()
	relay := func() {
		r.ring = r.ring.BeforeRelay(r.room, r.nowMs)
		r.ring.Relayed(r.nowMs, 1, 2, protocol.WebRTCOffer, 1400)
	}
	relay()
	n := testing.AllocsPerRun(2000, relay)
	if n >= 1 {
		t.Errorf("%v allocations", n)
	}
	ring := (*Ring)(nil).BeforeRelay(r.room, r.nowMs)
	ring.Relayed(r.nowMs, 1, 2, protocol.WebRTCOffer, 1400)
	if ring != nil {
		t.Error("a relay starts a ring")
	}
}

// TestQuietRoomKeepsNoRing: what idle participants cost is a promise.
func TestQuietRoomKeepsNoRing(t *testing.T) {
	r := newRecorder(t)
	r.film()
	if r.budget.Rings() != 1 {
		t.Errorf("%d rooms have a ring", r.budget.Rings())
	}
	r.nowMs += quietMs / 2
	r.say(3, `{"type":"PING"}`)
	if r.ring = r.ring.ForgetIfQuiet(r.nowMs); r.ring == nil {
		t.Error("what has happened lately is forgotten")
	}
	r.nowMs += quietMs / 2
	r.ring = r.ring.ForgetIfQuiet(r.nowMs)
	if r.ring != nil || r.budget.Used() != 0 || r.budget.Rings() != 0 {
		t.Errorf("%d quiet rooms have %d bytes", r.budget.Rings(), r.budget.Used())
	}
	r.say(3, `{"type":"PING"}`)
	if r.ring != nil {
		t.Error("a PING starts a ring")
	}
}

// TestRingForgets: the ring stays within its bound and begins with a checkpoint that fits.
func TestRingForgets(t *testing.T) {
	r := newRecorder(t)
	r.film()
	for range 2000 {
		r.say(3, `{"type":"RENAME_USER","roomId":"our-secret-club","userId":"zoe-lives-in-berlin","newUserName":"Zo"}`)
		if r.room.SeatedAs(3) == "" { // closed for its rate
			break
		}
		r.nowMs += 1000
	}
	if used := r.budget.Used(); used > 6*segmentBytes {
		t.Errorf("%d bytes", used)
	}
	recording, _ := r.recording()
	list, err := Replay(recording)
	if i := Difference(list); err != nil || i >= 0 || len(list) < 20 {
		t.Errorf("event %d of %d, %v", i, len(list), err)
	}
}

func FuzzRead(f *testing.F) {
	content, err := os.ReadFile(filmFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(`{"flight":1,"start":{}}` + "\n" + `{"kind":"connected","conn":1}` + "\n" + `{"kind":"relayed","message":{"type":"PING"},"effects":[{"do":"forward","to":[1]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		recording, err := Read(bytes.NewReader(content))
		if err != nil {
			return
		}
		if len(recording.Entries) > 100 {
			recording.Entries = recording.Entries[:100]
		}
		for i := range recording.Entries {
			recording.Entries[i].Size = min(recording.Entries[i].Size, 1<<16)
		}
		if list, err := Replay(recording); err == nil {
			SVG(&recording.Header, list)
		}
	})
}

var _ room.Placeholders = (*redaction)(nil)
