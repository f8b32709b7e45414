package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be the server processes as well: they are
// started as this program with bare, nbio or standin as the first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]kind{kindBare, kindNbio, kindStandin}, kind(os.Args[1])) {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func testWorkshop(t *testing.T, program kind) *workshop {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return &workshop{ctx: ctx, folder: t.TempDir(), program: string(program)}
}

// held expects as many rows, and that what was promised of the stand-in was measured.
func held(t *testing.T, rows []row, err error, want int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != want {
		t.Errorf("%d rows, want %d: %+v", len(rows), want, rows)
	}
	for _, r := range rows {
		if r.what == "" || r.measured == "" {
			t.Errorf("an empty row: %+v", r)
		}
	}
}

// floorRows is how many rows a relay has for the floor, which needs a C compiler.
func floorRows() int {
	if _, err := exec.LookPath("cc"); err != nil {
		return 0
	}
	return 3
}

func TestRelayOfBareAgainstItself(t *testing.T) {
	rows, err := testWorkshop(t, kindBare).relay(relaySettings{rounds: 2, messages: 2_000, pairs: 8, roomSeats: 4, window: 3})
	held(t, rows, err, 7+floorRows())
}

func TestRelayAtARate(t *testing.T) {
	rows, err := testWorkshop(t, kindNbio).relay(relaySettings{rounds: 1, messages: 1_000, pairs: 4, roomSeats: 2, window: 1, rate: 5_000})
	held(t, rows, err, 8+floorRows())
}

func TestRelayOfStandin(t *testing.T) {
	rows, err := testWorkshop(t, kindStandin).relay(relaySettings{rounds: 1, messages: 1_000, pairs: 3, roomSeats: 2, window: 1})
	held(t, rows, err, 7+floorRows())
}

func TestJoins(t *testing.T) {
	rows, err := testWorkshop(t, kindStandin).joins(joinsSettings{rounds: 1, joins: 400, atOnce: 16, pace: 2_000, interval: 2 * time.Millisecond})
	held(t, rows, err, 8)
}

func TestIdle(t *testing.T) {
	rows, err := testWorkshop(t, kindStandin).idle(idleSettings{few: 40, many: 80, patient: time.Second, bare: true})
	held(t, rows, err, 4)
}

func TestChurnScriptsKeepARoomAliveAndEmptyIt(t *testing.T) {
	c := &churner{limit: 5_000, random: newRandom(7)}
	c.crew = &crew{}
	joins := 0
	for r := c.room(); r != nil; r = c.room() {
		present := map[int]bool{}
		for i, s := range r.script {
			if s.leave != present[s.seat] {
				t.Fatalf("room %s, step %d: %+v with %v", r.id, i, s, present)
			}
			if s.leave {
				delete(present, s.seat)
			} else {
				present[s.seat] = true
				joins++
			}
			if len(present) == 0 && i < len(r.script)-1 {
				t.Fatalf("room %s ends at step %d of %d", r.id, i, len(r.script))
			}
		}
		if len(present) > 0 {
			t.Fatalf("room %s ends with %v", r.id, present)
		}
	}
	if joins != c.limit {
		t.Errorf("%d joins, want %d", joins, c.limit)
	}
}

func TestWorkerSaysWhatIsNotInstalled(t *testing.T) {
	w := testWorkshop(t, "")
	w.repository = t.TempDir()
	_, err := w.worker(workerSettings{relay: relaySettings{rounds: 1, messages: 4, pairs: 4, roomSeats: 4, window: 1}})
	if err == nil || !strings.Contains(err.Error(), "npm ci") {
		t.Error(err)
	}
}

func TestServerThatEndsIsAnError(t *testing.T) {
	w := testWorkshop(t, "/bin/false")
	if _, err := w.start(kindUsher); err == nil {
		t.Error("/bin/false was taken for a healthy server")
	}
}

// What a hop costs is counted over all nodes, and the owner's figure is its own only.
func TestHopRows(t *testing.T) {
	loads := []*relayLoad{{}, {rest: []float64{9, 1, 2}}, {rest: []float64{9, 7, 8}}, {rest: []float64{9, 20, 30}}}
	costs := [][]float64{{10, 20}, {10, 21}, {14, 25}, {20, 30}}
	rows := hopRows(loads, costs, 10_000)
	held(t, rows, nil, 6)
	for i, want := range map[int]string{4: "10.00 µs (10.00 to 10.00 in 2 rounds)", 5: "16.50 µs (14.50 to 18.50 in 2 rounds)"} {
		if rows[i].measured != want || rows[i].verdict != "held" {
			t.Errorf("%+v, want %s", rows[i], want)
		}
	}
}

func TestClusterSettings(t *testing.T) {
	good := clusterSettings{rounds: 1, joins: 8, atOnce: 1, pace: 1, pacedJoins: 4, relay: relaySettings{rounds: 1, messages: 4, pairs: 4, roomSeats: 2, window: 1}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	bad := good
	bad.joins = 10
	if bad.check() == nil {
		t.Error("10 joins are no rooms of 4")
	}
	if _, err := testWorkshop(t, kindBare).cluster(good); err == nil {
		t.Error("a bare relay is no cluster")
	}
}
