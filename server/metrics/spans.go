package metrics

// Spans counts the spans of traces.
type Spans struct {
	// Lost are those that the collector did not take.
	Sent, Lost Counter
}

// ShowSpans returns new counters, which /metrics shows.
func (m *Metrics) ShowSpans() *Spans {
	defer m.in(WithTraces)()
	s := new(Spans)
	const help = "Spans of traces, by whether the collector took them."
	m.showCounter("usher_spans_total", help, "result", "sent", &s.Sent)
	m.showCounter("usher_spans_total", help, "result", "lost", &s.Lost)
	return s
}
