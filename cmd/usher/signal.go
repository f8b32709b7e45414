package main

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// handledSignals are what serve listens to.
var handledSignals = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}

// echo is how long after the first signal another is taken for the same one:
// Ctrl-C reaches the whole foreground group, and npm, go run and timeout(1)
// then send it to their child again.
const echo = 300 * time.Millisecond

// obey carries out the signals until ctx is done: SIGHUP reloads, the first of
// any other drains, and the second ends the process at once, for a person who
// does not want to wait.
func obey(ctx context.Context, signals <-chan os.Signal, reload func() error, drain func(), exit func(int), log *slog.Logger) {
	var draining time.Time // since when
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
			case !draining.IsZero() && time.Since(draining) < echo:
			case !draining.IsZero():
				log.Warn("stopped without finishing the drain", "signal", signal.String())
				exit(1)
			default:
				draining = time.Now()
				log.Info("draining; a second signal stops at once", "signal", signal.String())
				drain()
			}
		}
	}
}
