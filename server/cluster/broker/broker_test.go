package broker

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

func TestOneServerIsReady(t *testing.T) {
	b, err := Open(Config{Peers: []string{"alone"}, Secret: make([]byte, 32), Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}
