package lease

import (
	"fmt"
	"strings"
)

func (r *runner) step(event Event) {
	for _, e := range r.node.Step(r.nowMs, event, nil) {
		switch e.Kind {
		case SetTimer:
			r.timerMs = e.AtMs
			continue
		case Put:
			r.puts = append(r.puts, e)
		case Fetch:
			r.fetch = e
		}
		isNoise := e.Kind == Put && e.Key == NodePrefix+"a" || e.Kind == Fetch || e.Kind == ValidUntil
		if !r.live || !isNoise {
			r.runs.add(&r.out, e, r.text(e))
		}
	}
}

// text is an effect without its shard; runs puts that in place of the %s.
func (r *runner) text(e Effect) string {
	switch e.Kind {
	case Put:
		text := fmt.Sprintf("put %s expecting %d", describe(e.Key, e.Bytes), e.Expected)
		if e.TTLMs != 0 {
			text += fmt.Sprintf(" for %d ms", e.TTLMs)
		}
		return text
	case Fetch:
		return fmt.Sprintf("fetch at least %d", e.AtLeast)
	case ValidUntil:
		if e.AtMs == 0 {
			return "valid no more"
		}
		return fmt.Sprintf("valid for %d ms", e.AtMs-r.nowMs)
	case Suspended:
		return "suspended"
	case Resumed:
		return "resumed"
	case Own:
		return fmt.Sprintf("own %%s in term %d", e.Term)
	case HandOver:
		return fmt.Sprintf("hand over %%s in term %d to %s", e.Term, name(e.Node))
	case Stop:
		return fmt.Sprintf("stop %%s in term %d", e.Term)
	case Lose:
		return fmt.Sprintf("lose %%s in term %d: %s", e.Term, reasons[e.Reason])
	case Moved:
		return fmt.Sprintf("moved %%s in term %d to %s", e.Term, name(e.Node))
	case Joined:
		return "joined " + name(e.Node)
	case Gone:
		return "gone " + name(e.Node)
	case Evicted:
		return "evicted: " + reasons[e.Reason]
	case Drained:
		return "drained"
	case Left:
		return "left"
	case Hint:
		return "hint"
	case Unreadable:
		return fmt.Sprintf("unreadable %s: %v", e.Key, e.Err)
	}
	return fmt.Sprintf("%+v", e)
}

var reasons = map[Reason]string{HandedOver: "handed over", Aborted: "aborted", Taken: "taken", StoreLost: "store lost"}

// name is how transcripts call an incarnation.
func name(n Incarnation) string {
	if n == (Incarnation{}) {
		return "nobody"
	}
	return fmt.Sprintf("%s.%d", n.ID, n.Nonce)
}

// describe shows what is written under a key.
func describe(key string, bytes []byte) string {
	if key == TableKey {
		table, err := DecodeTable(bytes)
		if err != nil {
			return err.Error()
		}
		return "table" + places(table)
	}
	id := strings.TrimPrefix(key, NodePrefix)
	record, err := DecodeRecord(id, bytes)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s number %d", name(Incarnation{id, record.Nonce}), record.Counter)
	if record.Draining {
		text += " draining"
	}
	if record.Evicted {
		text += " evicted"
	}
	return text
}

// places shows a table, shards with the same place as one.
func places(t *Table) string {
	var b strings.Builder
	first := 0
	for i := 1; i <= Shards; i++ {
		if i < Shards && t.Shards[i] == t.Shards[first] {
			continue
		}
		p := t.Shards[first]
		fmt.Fprintf(&b, " %s=%s", between(first, i-1), name(t.node(p.Owner)))
		if p.Wanted != 0 {
			b.WriteString(">" + name(t.node(p.Wanted)))
		}
		fmt.Fprintf(&b, "/%d", p.Term)
		first = i
	}
	return b.String()
}

func between(first, last int) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

// runs writes equal effects of consecutive shards as one.
type runs struct {
	text        string
	first, last int
}

func (r *runs) add(out *strings.Builder, e Effect, text string) {
	if r.text == text && strings.Contains(text, "%s") && e.Shard == r.last+1 {
		r.last++
		return
	}
	r.flush(out)
	r.text, r.first, r.last = text, e.Shard, e.Shard
}

func (r *runs) flush(out *strings.Builder) {
	if r.text == "" {
		return
	}
	if strings.Contains(r.text, "%s") {
		fmt.Fprintf(out, r.text+"\n", between(r.first, r.last))
	} else {
		out.WriteString(r.text + "\n")
	}
	r.text = ""
}
