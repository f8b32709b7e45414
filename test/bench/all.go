package main

import (
	"flag"
	"time"
)

// allSettings run every measurement with its defaults, or in short.
type allSettings struct {
	relay relaySettings
	idle  idleSettings
	joins joinsSettings
	churn churnSettings
	quick bool
}

func (s *allSettings) flags(f *flag.FlagSet) {
	// The defaults of each are those of its own flags.
	s.relay.flags(flag.NewFlagSet("", flag.ContinueOnError))
	s.idle.flags(flag.NewFlagSet("", flag.ContinueOnError))
	s.joins.flags(flag.NewFlagSet("", flag.ContinueOnError))
	s.churn.flags(flag.NewFlagSet("", flag.ContinueOnError))
	f.BoolVar(&s.quick, "quick", false, "a short form of each, to see that it works; not for the record")
}

func (w *workshop) all(s allSettings) ([]row, error) {
	if s.quick {
		s.relay.rounds, s.relay.messages = 3, 20_000
		s.idle.settle, s.idle.many = 5*time.Second, 6_000
		s.joins.rounds, s.joins.joins = 2, 2_000
		s.churn.n = 20_000
	}
	var rows []row
	for _, measure := range []func() ([]row, error){
		func() ([]row, error) { return w.relay(s.relay) },
		func() ([]row, error) { return w.joins(s.joins) },
		func() ([]row, error) { return w.idle(s.idle) },
		func() ([]row, error) { return w.churn(s.churn) },
	} {
		more, err := measure()
		// What was measured before a failure is still worth showing.
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}
