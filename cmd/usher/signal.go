package main

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"
)

// handledSignals are the signals that serve handles.
var handledSignals = append([]os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}, upgradeSignals...)

// echo is how long after the first signal another one is taken for the same: Ctrl-C reaches the
// whole foreground group, and npm, go run and timeout(1) then send it to their child again.
const echo = 300 * time.Millisecond

// obey acts on the signals until ctx is done: SIGHUP reloads, SIGUSR2 upgrades, the first of any
// other drains, and the second ends the process immediately, for people who do not want to wait.
func obey(
	ctx context.Context, signals <-chan os.Signal,
	reload func() error, upgrade, drain func(), exit func(int), log *slog.Logger,
) {
	var draining time.Time // since when, or zero
	for {
		select {
		case <-ctx.Done():
			return
		case signal := <-signals:
			switch {
			case signal == syscall.SIGHUP:
				if err := reload(); err != nil {
					log.Error("reload failed, what was loaded stays in use", "error", err)
				} else {
					log.Info("reloaded")
				}
			case slices.Contains(upgradeSignals, signal):
				if draining.IsZero() {
					go upgrade() // a drain ends it
				}
			case !draining.IsZero() && time.Since(draining) < echo:
			case !draining.IsZero():
				log.Warn("stopped without finishing the drain", "signal", signal.String())
				exit(1)
			default:
				draining = time.Now()
				log.Info("draining; a second signal stops immediately", "signal", signal.String())
				drain()
			}
		}
	}
}
