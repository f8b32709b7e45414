package metrics

// Audit counts the lines of the audit log.
type Audit struct {
	// Lost are those that could not be written.
	Written, Lost Counter
}

// ShowAudit returns new counters, which /metrics shows.
func (m *Metrics) ShowAudit() *Audit {
	defer m.in(WithAuditLog)()
	a := new(Audit)
	const help = "Lines of the audit log, by whether they were written."
	m.showCounter("usher_audit_lines_total", help, "result", "written", &a.Written)
	m.showCounter("usher_audit_lines_total", help, "result", "lost", &a.Lost)
	return a
}
