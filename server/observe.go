package server

import (
	"fmt"

	"usher/room"
	"usher/server/api"
	"usher/server/audit"
	"usher/server/rooms"
	"usher/server/tracing"
)

// observers are all who are told what happens in rooms.
type observers []rooms.Observer

// Happened implements rooms.Observer.
func (all observers) Happened(roomID string, occurrences []*room.Occurrence) {
	for _, o := range all {
		o.Happened(roomID, occurrences)
	}
}

// observer returns who is to be told what happens in rooms, nil if nobody wants to know.
func (s *Server) observer() rooms.Observer {
	var all observers
	if s.audit != nil {
		all = append(all, s.audit)
	}
	if s.auth.HasOperators() {
		s.api = api.New()
		all = append(all, s.api)
	}
	if s.webhooks.sender != nil {
		all = append(all, s.webhooks.sender)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// openTracer opens the tracer, if spans are to be sent anywhere.
func (s *Server) openTracer() (err error) {
	if s.config.Trace.Endpoint != "" {
		s.tracer, err = tracing.Open(s.config.Trace, s.metrics.ShowSpans(), s.log)
	}
	return err
}

// openAudit opens the audit log, if there is to be one.
func (s *Server) openAudit() (err error) {
	c := &s.config
	if c.AuditLog == "" {
		return nil
	}
	s.audit, err = audit.Open(audit.Config{Path: c.AuditLog, Names: c.AuditNames, Metrics: s.metrics.ShowAudit(), Log: s.log})
	if err != nil {
		return fmt.Errorf("audit-log: %w", err)
	}
	return nil
}
