package edge

import "context"

// shiftKey is for what a handler calls before it waits, because it may run on a poller's goroutine.
type shiftKey struct{}

func shiftOf(ctx context.Context) (end func()) {
	end, _ = ctx.Value(shiftKey{}).(func())
	return end
}

func beforeWaiting(ctx context.Context) {
	if end := shiftOf(ctx); end != nil {
		end()
	}
}
