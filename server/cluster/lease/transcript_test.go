package lease

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write the effects that the transcripts had into testdata")

// TestTranscripts replays every transcript of testdata; each is named after the rule it shows. The
// node is a, the others are written by the transcript.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := newRunner().replay(string(want))
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("effects differ; see `go test ./server/cluster/lease -rewrite` and git diff. Got:\n%s", got)
			}
		})
	}
}

// runner is a node a with a register, whose replies the transcript decides.
type runner struct {
	node     *Node
	register *register
	nowMs    int64
	timerMs  int64
	puts     []Effect
	fetch    Effect
	out      strings.Builder
	// live answers everything at once, and shows neither requests nor renewals.
	live bool
	runs runs
}

func newRunner() *runner {
	return &runner{node: New(DefaultConfig("a")), register: newRegister(), nowMs: 1_000_000}
}

func (r *runner) replay(text string) (string, error) {
	var out strings.Builder
	inEffects := false
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case inEffects && line != "":
			continue
		case line == "----":
			inEffects = true
			out.WriteString("----\n" + r.out.String())
			r.out.Reset()
			continue
		case inEffects || line == "" || strings.HasPrefix(line, "#"):
			inEffects = false
		default:
			if err := r.event(strings.Fields(line)); err != nil {
				return "", fmt.Errorf("line %d: %s: %w", n+1, line, err)
			}
			r.runs.flush(&r.out)
			if broken := r.node.Check(); broken != "" {
				return "", fmt.Errorf("line %d: %s: %s", n+1, line, broken)
			}
		}
		out.WriteString(line + "\n")
	}
	return out.String(), nil
}

// event plays one line.
func (r *runner) event(words []string) error {
	argument := strings.Join(words[1:], " ")
	switch words[0] {
	case "start":
		nonce, err := strconv.ParseUint(argument, 10, 64)
		r.step(Event{Kind: Started, Nonce: nonce})
		return err
	case "wait", "live":
		d, err := time.ParseDuration(argument)
		r.live = words[0] == "live"
		r.wait(d.Milliseconds())
		r.live = false
		return err
	case "acked", "stored", "dropped", "failed":
		return r.answer(words[0], argument)
	case "fetched":
		return r.fetched(words[1:])
	case "hint":
		r.step(Event{Kind: Hinted})
	case "drain":
		r.step(Event{Kind: DrainAsked})
	case "stop":
		r.step(Event{Kind: Stopped})
	case "occupied", "vacant", "frozen":
		first, last, err := span(argument)
		for i := first; i <= last; i++ {
			if words[0] == "frozen" {
				r.step(Event{Kind: Frozen, Shard: i, Term: r.node.shards[i].term})
			} else {
				r.step(Event{Kind: Occupied, Shard: i, Occupied: words[0] == "occupied"})
			}
		}
		return err
	case "table":
		return r.writeTable(words[1:])
	case "owner":
		shard, err := strconv.Atoi(argument)
		who, term, here := r.node.Owner(shard)
		fmt.Fprintf(&r.out, "shard %d is %s's in term %d, here: %t, valid: %t\n", shard, name(who), term, here, r.node.Valid(r.nowMs, shard, term))
		return err
	case "pace":
		s := step{Node: r.node, nowMs: r.nowMs}
		fmt.Fprintf(&r.out, "the records are fetched every %d ms\n", s.fetchMs()-r.node.fetch.sentMs)
	case "lost":
		delete(r.register.log, NodePrefix+argument)
	case "collide":
		put := r.puts[0]
		r.puts = r.puts[1:]
		revision, err := strconv.ParseUint(words[2], 10, 64)
		r.step(Event{Kind: Conflicted, Request: put.Request, Revision: revision})
		return err
	case "corrupt":
		r.register.write(argument, []byte{recordVersion, 0})
	case "newer":
		r.register.write(argument, []byte{99})
	default:
		return r.other(words)
	}
	return nil
}

// other plays what another node, or an earlier process of this one, writes.
func (r *runner) other(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("no such event")
	}
	id := words[0]
	record, _ := r.register.record(id)
	record.Counter++
	switch words[1] {
	case "starts":
		nonce, err := strconv.ParseUint(words[2], 10, 64)
		if err != nil {
			return err
		}
		record = Record{Nonce: nonce, Counter: 1}
	case "renews":
	case "drains":
		record.Draining = true
	case "evicted":
		record.Evicted = true
	default:
		return fmt.Errorf("no such event")
	}
	r.register.write(NodePrefix+id, record.Append(nil, id))
	return nil
}

// writeTable is a table of somebody else's: 0-511=a 512-1023=b>c, c wanted.
func (r *runner) writeTable(words []string) error {
	table, err := &Table{}, error(nil)
	stored := r.register.last(TableKey)
	if stored.Revision != 0 {
		if table, err = DecodeTable(stored.Bytes); err != nil {
			return err
		}
	}
	e := table.edit()
	for _, word := range words {
		shards, nodes, _ := strings.Cut(word, "=")
		owner, wanted, _ := strings.Cut(nodes, ">")
		first, last, err := span(shards)
		if err != nil {
			return err
		}
		for i := first; i <= last; i++ {
			if to := r.incarnation(owner); e.owner[i] != to {
				e.own(i, to, r.register.seq)
			}
			e.want(i, r.incarnation(wanted))
		}
	}
	table, _ = e.table()
	r.register.write(TableKey, table.Append(nil))
	return nil
}

func (r *runner) incarnation(id string) Incarnation {
	record, ok := r.register.record(id)
	if !ok {
		return Incarnation{}
	}
	return Incarnation{id, record.Nonce}
}

func span(text string) (first, last int, err error) {
	from, to, ranged := strings.Cut(text, "-")
	if first, err = strconv.Atoi(from); err != nil || !ranged {
		return first, first, err
	}
	last, err = strconv.Atoi(to)
	return first, last, err
}

// answer answers the oldest Put of a key, given as a node's id or "table"; "dropped all" drops
// every one.
func (r *runner) answer(how, key string) error {
	if key == "all" {
		r.puts = nil
		return nil
	}
	if key != TableKey {
		key = NodePrefix + key
	}
	for i, put := range r.puts {
		if put.Key != key {
			continue
		}
		r.puts = append(r.puts[:i:i], r.puts[i+1:]...)
		r.answerPut(how, put)
		return nil
	}
	return fmt.Errorf("no such put")
}

func (r *runner) answerPut(how string, put Effect) {
	event := Event{Kind: Failed, Request: put.Request}
	if how == "acked" || how == "stored" {
		revision, ok, _ := r.register.put(r.node.self, put.Key, put.Expected, put.Bytes)
		event.Kind, event.Revision = Conflicted, revision
		if ok {
			event.Kind = Acked
		}
	}
	if how == "acked" || how == "failed" {
		r.step(event)
	}
}

// fetched answers the Fetch: by all there is, "at N" by what was there at N, "without K" but K.
func (r *runner) fetched(words []string) error {
	upTo := r.register.seq
	var without string
	if len(words) == 2 && words[0] == "at" {
		var err error
		if upTo, err = strconv.ParseUint(words[1], 10, 64); err != nil {
			return err
		}
	}
	if len(words) == 2 && words[0] == "without" {
		without = words[1]
	}
	var records []Stored
	for _, stored := range r.register.at(upTo) {
		if stored.Key != without && stored.Key != NodePrefix+without {
			records = append(records, stored)
		}
	}
	if r.fetch.Request == 0 {
		return fmt.Errorf("no fetch is under way")
	}
	request := r.fetch.Request
	r.fetch = Effect{}
	r.step(Event{Kind: Fetched, Request: request, Revision: upTo, Records: records})
	return nil
}

// wait lets time pass, and fires the timer on the way.
func (r *runner) wait(ms int64) {
	untilMs := r.nowMs + ms
	for r.answerAll(); r.timerMs != 0 && r.timerMs <= untilMs; r.answerAll() {
		r.nowMs = max(r.nowMs, r.timerMs)
		r.step(Event{Kind: TimerFired})
	}
	r.nowMs = untilMs
}

// answerAll answers what is under way while everything is live.
func (r *runner) answerAll() {
	for r.live && (len(r.puts) > 0 || r.fetch.Request != 0) {
		if len(r.puts) > 0 {
			put := r.puts[0]
			r.puts = r.puts[1:]
			r.answerPut("acked", put)
			continue
		}
		_ = r.fetched(nil) // a fetch is under way
	}
}
