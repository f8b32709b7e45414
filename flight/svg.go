package flight

import (
	"bytes"
	"fmt"
	"html"
	"slices"
)

const (
	// maxLanes and maxRows bound a diagram: what is beyond them is left out, and it says so.
	maxLanes, maxRows = 40, 1000

	laneWidth, rowHeight    = 210, 24
	timeWidth, headerHeight = 90, 56
)

// The colors suit a light and a dark page.
const svgStyle = `<style>
svg{--ink:#1c1b1f;--faint:#b5b2bd;--in:#1f5fbf;--out:#2d6a34;--bad:#b3261e;--page:#fff;background:var(--page);font:12px ui-sans-serif,system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{--ink:#e9e6ee;--faint:#5b5865;--in:#8ab4f8;--out:#8bd197;--bad:#ffb4ab;--page:#151418}}
text{fill:var(--ink);paint-order:stroke;stroke:var(--page);stroke-width:4px}.lane{stroke:var(--faint);stroke-dasharray:3 4}.time{fill:var(--ink);opacity:.7;font-variant-numeric:tabular-nums}
.in{stroke:var(--in);fill:var(--in)}.out{stroke:var(--out);fill:var(--out)}.bad{stroke:var(--bad);fill:var(--bad)}
text.in,text.out,text.bad{stroke:var(--page)}line{stroke-width:1.5}.differs{fill:var(--bad);opacity:.14}.head{font-weight:600}
</style>`

// diagram is a sequence diagram under way.
type diagram struct {
	body  bytes.Buffer
	lanes map[uint64]int
	row   int
}

// SVG draws what happened as a sequence diagram: the room, its connections, and a row for each
// message.
func SVG(h *Header, list []Replayed) []byte {
	conns, left := lanesOf(list)
	d := &diagram{lanes: make(map[uint64]int)}
	for i, conn := range conns {
		d.lanes[conn] = i + 1
	}
	for i := range list {
		if d.row >= maxRows {
			d.note(fmt.Sprintf("events left out: %d", len(list)-i))
			break
		}
		d.entry(&list[i], list[0].AtMs)
	}
	if left > 0 {
		d.note(fmt.Sprintf("connections left out: %d", left))
	}
	width, height := timeWidth+laneWidth*(len(conns)+1), headerHeight+rowHeight*(d.row+1)
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="t">`, width, height, width, height)
	fmt.Fprintf(&out, "<title id=\"t\">What happened in a room, dumped by usher %s (%s)</title>%s\n", html.EscapeString(h.Version), html.EscapeString(h.Cause), svgStyle)
	for i := range len(conns) + 1 {
		label := "the room"
		if i > 0 {
			label = fmt.Sprintf("connection %d", conns[i-1])
		}
		fmt.Fprintf(&out, "<text class=\"head\" text-anchor=\"middle\" x=\"%d\" y=\"28\">%s</text><line class=\"lane\" x1=\"%d\" y1=\"38\" x2=\"%d\" y2=\"%d\"/>\n", laneAt(i), label, laneAt(i), laneAt(i), height-8)
	}
	out.Write(d.body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func laneAt(lane int) int { return timeWidth + laneWidth/2 + lane*laneWidth }

// lanesOf returns the connections in the order of their ids, and how many are left out.
func lanesOf(list []Replayed) (conns []uint64, left int) {
	for i := range list {
		if id := list[i].Conn; id != 0 {
			conns = append(conns, id)
		}
		for _, e := range list[i].Effects {
			conns = append(conns, e.To...)
		}
	}
	slices.Sort(conns)
	conns = slices.Compact(conns)
	if left = len(conns) - maxLanes; left > 0 {
		return conns[:maxLanes], left
	}
	return conns, 0
}

func (d *diagram) y() int { return headerHeight + d.row*rowHeight + rowHeight/2 }

func (d *diagram) entry(e *Replayed, startMs int64) {
	first := d.row
	fmt.Fprintf(&d.body, "<text class=\"time\" x=\"8\" y=\"%d\">%s</text>", d.y()+4, seconds(e.AtMs-startMs))
	label := e.What()
	if e.Size > 0 {
		label = fmt.Sprintf("%s %d B", label, e.Size)
	}
	if lane, ok := d.lanes[e.Conn]; ok {
		d.arrow(lane, 0, label, "in")
	} else {
		d.mark(label, "in")
	}
	for i := range e.Effects {
		d.effect(&e.Effects[i])
	}
	switch {
	case e.Panicked:
		d.mark("the core panicked", "bad")
	case e.Differs && e.PanicsNow:
		d.mark("now the core panics", "bad")
	case e.Differs:
		d.mark("now it does something else", "bad")
	}
	if e.Differs {
		fmt.Fprintf(&d.body, "<rect class=\"differs\" x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\"/>\n", headerHeight+first*rowHeight, (d.row-first)*rowHeight)
	}
}

// effect draws what connections see, and what the room decided.
func (d *diagram) effect(e *Effect) {
	class := "out"
	switch e.Do {
	case "close", "refused", "bounced":
		class = "bad"
	case "send", "forward", "save", "delete", "created", "ended", "ping":
	default:
		return
	}
	one := *e
	one.To = nil
	if len(e.To) == 0 {
		d.mark(one.String(), class)
		return
	}
	drawn := false
	for _, to := range e.To {
		if lane, ok := d.lanes[to]; ok {
			text := ""
			if !drawn {
				text = one.String()
			}
			d.line(0, lane, class)
			if drawn = true; text != "" {
				d.text(0, lane, text, class)
			}
		}
	}
	d.row++
}

func (d *diagram) arrow(from, to int, label, class string) {
	d.line(from, to, class)
	d.text(from, to, label, class)
	d.row++
}

// line draws an arrow.
func (d *diagram) line(from, to int, class string) {
	x1, x2, y := laneAt(from), laneAt(to), d.y()+6
	tip := 6
	if x2 > x1 {
		tip = -6
	}
	fmt.Fprintf(&d.body, `<line class="%s" x1="%d" y1="%d" x2="%d" y2="%d"/><path class="%s" d="M%d %dl%d -3v6z"/>`, class, x1, y, x2, y, class, x2, y, tip)
}

// text writes beside the lane of the connection, on the side of the room.
func (d *diagram) text(from, to int, label, class string) {
	lane := max(from, to)
	fmt.Fprintf(&d.body, "<text class=\"%s\" text-anchor=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", class, laneAt(lane)-10, d.y()+2, html.EscapeString(label))
}

// mark writes beside the room.
func (d *diagram) mark(label, class string) {
	fmt.Fprintf(&d.body, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"3\"/><text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n", class, laneAt(0), d.y(), class, laneAt(0)+8, d.y()+4, html.EscapeString(label))
	d.row++
}

func (d *diagram) note(text string) { d.mark("… "+text, "in") }

// seconds is a time since the beginning.
func seconds(ms int64) string { return fmt.Sprintf("%+.3f s", float64(ms)/1000) }
