package metrics

import "github.com/prometheus/client_golang/prometheus"

// ShowFlights shows what the flight recorder holds: of how many rooms, and in how many bytes.
func (m *Metrics) ShowFlights(rooms, bytes func() int64) {
	defer m.in(WithFlights)()
	show := func(name, help string, value func() int64) {
		m.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }),
			Row{Name: name, Help: help, Kind: "gauge", Part: m.part})
	}
	show("usher_flight_recorder_rooms", "Rooms of which the flight recorder has something.", rooms)
	show("usher_flight_recorder_bytes", "What it has of them, at most flight-recorder.", bytes)
}
