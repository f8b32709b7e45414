package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed report.html
var reportSource string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"counted": counted,
	"ms":      milliseconds,
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) },
	"percent": func(share float64) string { return fmt.Sprintf("%g %%", 100*share) },
	"date":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
}).Parse(reportSource))

// WriteReport writes the result as an HTML page that needs no other file.
func (r *Result) WriteReport(w io.Writer) error {
	lines := []string{}
	if problem := r.Problem(); problem != nil {
		lines = append(lines, problem.Error())
	}
	return reportTemplate.Execute(w, struct {
		*Result
		Problems                []string
		Latency, Pace, Messages template.HTML
	}{r, lines, r.latencyChart(), r.paceChart(), r.messagesChart()})
}

func milliseconds(ms float64) string {
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.2f", ms)
}
