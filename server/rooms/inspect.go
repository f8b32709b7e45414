package rooms

// View is what an operator or a test may see of a room in memory.
type View struct {
	ID string
	// People counts seats, including held ones, and Sessions counts connections.
	People, Sessions int
	// IsSettled is set if nothing waits for a commit. IsUnsaved is set if something is to be stored
	// later.
	IsSettled, IsUnsaved bool
}

// InMemory returns a view of each room in memory, in any order.
func (r *Rooms) InMemory() []View {
	var views []View
	for _, l := range r.registry.all() {
		l.mu.Lock()
		if !l.gone {
			views = append(views, View{
				ID: l.id, People: l.room.People(), Sessions: len(l.sessions),
				IsSettled: l.issued == l.durable && len(l.waiting) == 0, IsUnsaved: l.unsaved,
			})
		}
		l.mu.Unlock()
	}
	return views
}
