package bench

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// A chart is lines over a common x, drawn as SVG with the page's colours.
type chart struct {
	label  string // for those who do not see it
	lines  []line
	x      []tick // where x is labelled
	unit   string
	log    bool // the y axis is logarithmic
	format string
}

type line struct {
	name   string
	colour int
	points [][2]float64 // x from 0 to 1, and the value
}

type tick struct {
	at   float64 // 0 to 1
	text string
}

// Lengths of a chart, in its own units.
const (
	chartWidth, chartHeight                           = 800.0, 320.0
	chartLeft, chartRight, chartTop, chartBottomSpace = 112.0, 24.0, 14.0, 34.0
)

// latencyChart shows each kind's distribution. The x axis has as much room for each further nine.
func (r *Result) latencyChart() template.HTML {
	const nines = 4.0
	at := func(percent float64) float64 { return min(1, -math.Log10(1-percent/100)/nines) }
	c := chart{label: "times by percentile", unit: "ms", log: true, format: "%g"}
	for i, t := range r.Times {
		l := line{name: t.What, colour: i}
		for _, p := range t.Curve {
			l.points = append(l.points, [2]float64{at(p.Percentile), max(p.Ms, 0.01)})
		}
		c.lines = append(c.lines, l)
	}
	for _, percent := range []float64{0, 50, 90, 99, 99.9, 99.99} {
		c.x = append(c.x, tick{at(percent), fmt.Sprintf("p%g", percent)})
	}
	return c.svg()
}

func (r *Result) paceChart() template.HTML {
	c := chart{label: "p50 and p99 of messages by second", unit: "ms", format: "%g", x: r.secondTicks()}
	c.lines = []line{r.bySecond("p50", 0, func(s Second) float64 { return s.P50Ms }), r.bySecond("p99", 3, func(s Second) float64 { return s.P99Ms })}
	return c.svg()
}

func (r *Result) messagesChart() template.HTML {
	c := chart{label: "messages a second and people by second", format: "%g", x: r.secondTicks()}
	c.lines = []line{
		r.bySecond("messages a second", 0, func(s Second) float64 { return float64(s.Messages) }),
		r.bySecond("people", 2, func(s Second) float64 { return float64(s.People) }),
	}
	return c.svg()
}

func (r *Result) bySecond(name string, colour int, value func(Second) float64) line {
	l := line{name: name, colour: colour}
	for i, s := range r.Series {
		l.points = append(l.points, [2]float64{float64(i) / max(1, float64(len(r.Series)-1)), value(s)})
	}
	return l
}

func (r *Result) secondTicks() (ticks []tick) {
	const most = 8
	last := len(r.Series) - 1
	step := max(1, (last+most-1)/most)
	for i := 0; i <= last; i += step {
		ticks = append(ticks, tick{float64(i) / max(1, float64(last)), fmt.Sprintf("%d s", i+1)})
	}
	return ticks
}

// svg draws the chart. Everything in it is this program's own text and numbers.
func (c *chart) svg() template.HTML {
	low, high := c.bounds()
	y := func(value float64) float64 {
		part := (value - low) / (high - low)
		if c.log {
			part = math.Log(value/low) / math.Log(high/low)
		}
		return chartHeight - chartBottomSpace - part*(chartHeight-chartTop-chartBottomSpace)
	}
	x := func(at float64) float64 { return chartLeft + at*(chartWidth-chartLeft-chartRight) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(c.label))
	for _, value := range c.gridLines(low, high) {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
			chartLeft, chartWidth-chartRight, y(value), y(value), chartLeft-8, y(value)+4, strings.TrimSpace(fmt.Sprintf(c.format+" "+c.unit, value)))
	}
	for _, t := range c.x {
		anchor := "middle"
		if t.at > 0.97 {
			anchor = "end" // or it would be cut off
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x(t.at), chartHeight-10, anchor, template.HTMLEscapeString(t.text))
	}
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<polyline class="curve" style="stroke:var(--c%d)" points="`, l.colour)
		for _, p := range l.points {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(p[0]), y(max(p[1], low)))
		}
		b.WriteString(`"/>`)
	}
	b.WriteString(`</svg><ul class="legend">`)
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<li><i style="background:var(--c%d)"></i>%s</li>`, l.colour, template.HTMLEscapeString(l.name))
	}
	b.WriteString("</ul>")
	return template.HTML(b.String())
}

// bounds are the ends of the y axis.
func (c *chart) bounds() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, l := range c.lines {
		for _, p := range l.points {
			low, high = min(low, p[1]), max(high, p[1])
		}
	}
	if !c.log {
		return 0, max(high*1.1, 0.001)
	}
	if math.IsInf(low, 1) {
		return 0.01, 1
	}
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Floor(math.Log10(high))+1)
}

// gridLines are round values of the y axis.
func (c *chart) gridLines(low, high float64) (values []float64) {
	if c.log {
		for v := low; v <= high*1.001; v *= 10 {
			values = append(values, rounded(v))
		}
		return values
	}
	const about = 4
	step := math.Pow(10, math.Floor(math.Log10(high/about)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if high/(step*factor) <= about {
			step *= factor
			break
		}
	}
	for v := 0.0; v <= high; v += step {
		values = append(values, rounded(v))
	}
	return values
}

// rounded removes what adding and multiplying left in the last digits.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 6-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}
