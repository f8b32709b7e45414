package room

// Watch sees each Step of a generated room: it is called before it, and what it returns after it.
type Watch func(r *Room, nowMs int64, event *Event) func([]Effect)

// RunWatched runs a script of four bytes an event, and returns the room's configuration.
func RunWatched(script []byte, watch Watch) (config *Config, fault string) {
	w := newWorld()
	w.watch = watch
	_, fault = w.run(script)
	return &w.config, fault
}

func (w *world) stepRoom(event *Event) []Effect {
	if w.watch == nil {
		return w.room.Step(w.nowMs, *event, nil)
	}
	after := w.watch(w.room, w.nowMs, event)
	effects := w.room.Step(w.nowMs, *event, nil)
	after(effects)
	return effects
}
