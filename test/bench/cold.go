package main

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// cold measures what an isolate pays once: to compile the Wasm and run its initialisation. Each
// time it is in a new process, since V8 keeps compiled code for other isolates of the process. What
// is measured is the request that does it, less a request that does not.
func (w *workshop) cold(s workerSettings, b bundle) ([]row, error) {
	const promised = 40.0
	if s.starts == 0 || b.wasm == "" {
		return nil, nil
	}
	probe, err := w.ownBundle(kindProbe)
	if err != nil {
		return nil, err
	}
	probe.wasm = b.wasm
	var walls, cpus []float64
	for range s.starts {
		wall, cpu, err := w.coldStart(probe)
		if err != nil {
			return nil, err
		}
		walls, cpus = append(walls, inMs(wall)), append(cpus, inMs(cpu))
		progress("cold: %.1f ms, CPU %.1f ms\n", inMs(wall), inMs(cpu))
	}
	spread := func(v []float64) string {
		return fmt.Sprintf("%.1f ms (%.1f to %.1f in %d processes)", median(v), least(v), greatest(v), s.starts)
	}
	return []row{
		{what: "worker: compile and initialise the Wasm in workerd", measured: spread(walls), target: "≤ 40 ms", verdict: verdictOf(median(walls) <= promised)},
		{what: "worker: CPU of that, all threads", measured: spread(cpus)},
	}, nil
}

func (w *workshop) coldStart(probe bundle) (wall, cpu time.Duration, err error) {
	server, err := w.serve(probe)
	if err != nil {
		return 0, 0, err
	}
	defer server.stop()
	client := http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	ask := func(path string) (wall, cpu time.Duration, err error) {
		before, err := cpuTime(server.pid)
		if err != nil {
			return 0, 0, err
		}
		start := time.Now()
		response, err := client.Get("http://" + server.address.String() + path)
		if err != nil {
			return 0, 0, err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return 0, 0, err
		}
		wall = time.Since(start)
		if response.StatusCode != http.StatusOK {
			return 0, 0, fmt.Errorf("GET %s: %s", path, response.Status)
		}
		after, err := cpuTime(server.pid)
		return wall, after - before, err
	}
	// Those before open the connection, those after are what any request costs.
	var others [2][]time.Duration
	for _, path := range []string{"/health", "/health", "/health", "/start", "/start", "/start", "/start", "/start", "/start"} {
		took, used, err := ask(path)
		if err != nil {
			return 0, 0, server.explain(err)
		}
		switch {
		case path == "/start" && wall == 0:
			wall, cpu = took, used
		case path == "/start":
			others[0], others[1] = append(others[0], took), append(others[1], used)
		}
	}
	return wall - percentile(others[0], 50), cpu - percentile(others[1], 50), nil
}
