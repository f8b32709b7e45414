package doctor

import "fmt"

// Grade is how good or bad a finding is.
type Grade string

// The grades. A server may work with a Warn; with a Fail something does not.
const (
	OK   Grade = "ok"
	Warn Grade = "warn"
	Fail Grade = "fail"
)

// Finding is the result of one check. Its JSON is stable: fields may come, none go.
type Finding struct {
	// Check is a stable name, such as certificate.dates.
	Check string `json:"check"`
	Grade Grade  `json:"grade"`
	// Found is what was found: the cause, if it is bad.
	Found string `json:"found"`
	// Do is what to do about it, "" for nothing.
	Do string `json:"do,omitempty"`
	// Add are lines for the configuration of a proxy, by its name.
	Add []Lines `json:"add,omitempty"`
}

// Lines are what a program's configuration needs.
type Lines struct {
	Program string   `json:"program"`
	Lines   []string `json:"lines"`
}

// Report is what an examination found.
type Report struct {
	URL      string    `json:"url"`
	Grade    Grade     `json:"grade"`
	Seconds  float64   `json:"seconds"`
	Findings []Finding `json:"findings"`
}

// worst returns the worst grade of all findings.
func worst(findings []Finding) Grade {
	grade := OK
	for _, f := range findings {
		if f.Grade == Fail || f.Grade == Warn && grade == OK {
			grade = f.Grade
		}
	}
	return grade
}

func good(check, format string, values ...any) Finding {
	return Finding{Check: check, Grade: OK, Found: fmt.Sprintf(format, values...)}
}

func warning(check, do, format string, values ...any) Finding {
	return Finding{Check: check, Grade: Warn, Found: fmt.Sprintf(format, values...), Do: do}
}

func failure(check, do, format string, values ...any) Finding {
	return Finding{Check: check, Grade: Fail, Found: fmt.Sprintf(format, values...), Do: do}
}
