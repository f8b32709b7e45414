package main

import (
	"strings"
	"testing"
)

func TestKubernetesVariablesAreNotSettings(t *testing.T) {
	known := map[string]bool{"seat-grace": true}
	for _, variable := range []string{
		"USHER_CONFIG=x", "USHER_SEAT_GRACE=40s", "PATH=x",
		"USHER_SERVICE_HOST=10.0.0.1", "USHER_SERVICE_PORT=8787", "USHER_SERVICE_PORT_HTTP=8787", "USHER_PORT=tcp://10.0.0.1:8787",
		"USHER_PORT_8787_TCP=tcp://10.0.0.1:8787", "USHER_PORT_8787_TCP_ADDR=10.0.0.1", "USHER_TURN_SERVICE_HOST=10.0.0.2",
		"USHER_TURN_PORT=udp://10.0.0.2:3478",
	} {
		if err := checkEnviron([]string{variable}, known); err != nil {
			t.Errorf("%s is refused: %v", variable, err)
		}
	}
	for _, variable := range []string{"USHER_PORT=8787", "USHER_SEAT_GRASE=1m", "USHER_=x", "USHER_SERVICE=x", "USHER_SECRET=hunter2"} {
		err := checkEnviron([]string{variable}, known)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s gives %v", variable, err)
		}
	}
}
