package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"usher/room"
	"usher/server/edge"
	"usher/server/handover"
	"usher/server/rooms"
)

// TakeOver returns a server that has taken over from the one that started this process, and nil if
// none did. Its clients notice that it serves once it Runs. The channel is closed when the other
// process has told everybody.
func TakeOver(config Config) (*Server, <-chan struct{}, error) {
	link, err := handover.Inherited()
	if link == nil || err != nil {
		return nil, nil, err
	}
	s, err := takeOver(config, link)
	if err != nil {
		link.Close()
		return nil, nil, err
	}
	released := make(chan struct{})
	go func() {
		defer close(released)
		link.SetDeadline(time.Now().Add(takeOverTimeout))
		_ = link.Receive(&handover.Go{}) // nothing comes, but the end
		link.Close()
	}()
	return s, released, nil
}

func takeOver(config Config, link *handover.Link) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Page {
		edge.PreparePage()
	}
	if err := link.Send(handover.Hello{Version: handover.Version, Attachment: room.AttachmentVersion}); err != nil {
		return nil, err
	}
	var head handover.Head
	if err := link.Receive(&head); err != nil {
		return nil, fmt.Errorf("the server that this one should take over from: %w", ended(err))
	}
	s, begin, err := adoptAll(config, link, &head)
	if err != nil {
		_ = link.Send(handover.Reply{Refusal: err.Error()})
		if s != nil {
			_ = s.Close()
		}
		return nil, err
	}
	if err := link.Send(handover.Reply{}); err != nil {
		_ = s.Close()
		return nil, err
	}
	// If the other process has died, nobody but this one has the sockets. If it lives, it must know
	// first that this one begins, or it would go on as well.
	if link.Receive(&handover.Go{}) == nil {
		_ = link.Send(handover.Reply{})
	}
	begin()
	s.warnOfAddresses()
	return s, nil
}

// adoptAll opens the server and gives it what follows the Head. It serves nobody before begin.
func adoptAll(config Config, link *handover.Link, head *handover.Head) (s *Server, begin func(), err error) {
	taken := taken{listen: head.Listen, metricsListen: head.MetricsListen}
	if taken.listeners, err = listenersFrom(link, head.Listeners); err != nil {
		return nil, nil, err
	}
	if taken.metricsListeners, err = listenersFrom(link, head.MetricsListeners); err != nil {
		closeAll(taken.listeners)
		return nil, nil, err
	}
	taken.nowMs = head.NowMs + (monotonicNs()-head.MonotonicNs)/int64(time.Millisecond)
	var budgets []edge.Budgets
	if err := link.Receive(&budgets); err != nil {
		return nil, nil, err
	}
	arriving := receiveRooms(link, head.Rooms) // while the store opens
	defer func() {
		for range arriving { // the other process hears a refusal once it has sent everything
		}
	}()
	s, err = newServer(config, outside{secret: randomSecret, taken: &taken})
	if err != nil {
		closeAll(taken.listeners)
		closeAll(taken.metricsListeners)
		return nil, nil, err
	}
	if why := s.keeps(); why != "" {
		return s, nil, errors.New(why)
	}
	s.edge.RestoreBudgets(budgets)
	if err := s.restoreEvents(head.Events); err != nil {
		return s, nil, err
	}
	var begins []func()
	for a := range arriving {
		if a.err == nil {
			begin, err = s.adopt(a)
		}
		if err = errors.Join(a.err, err); err != nil {
			return s, nil, err
		}
		begins = append(begins, begin)
	}
	return s, func() {
		for _, begin := range begins {
			begin()
		}
	}, nil
}

// arrival is a room with the descriptors of its sockets, or the reason that no more come.
type arrival struct {
	room carriedRoom
	fds  []int
	err  error
}

// receiveRooms receives n rooms. Nothing else may receive before the channel is closed.
func receiveRooms(link *handover.Link, n int) <-chan *arrival {
	arriving := make(chan *arrival, n)
	go func() {
		defer close(arriving)
		for range n {
			a := new(arrival)
			a.receive(link)
			arriving <- a
			if a.err != nil {
				return
			}
		}
	}()
	return arriving
}

func (a *arrival) receive(link *handover.Link) {
	a.err = link.Receive(&a.room)
	for i := 0; i < len(a.room.Sockets) && a.err == nil; i++ {
		fd := -1
		if a.room.Sockets[i].Here {
			fd, a.err = link.Take()
		}
		a.fds = append(a.fds, fd)
	}
}

// adopt takes a room and its sockets.
func (s *Server) adopt(a *arrival) (begin func(), err error) {
	carried := &a.room
	conns := make([]*edge.Conn, len(carried.Sockets))
	for i := range carried.Sockets {
		if !carried.Sockets[i].Here {
			continue
		}
		if conns[i], err = s.edge.Adopt(&carried.Sockets[i].Socket, a.fds[i]); err != nil {
			return nil, err
		}
	}
	if len(carried.Room.Sessions) != len(conns) {
		return nil, errors.New("a room has not as many sockets as sessions")
	}
	adopted, err := s.rooms.Adopt(&carried.Room, func(i int) rooms.Socket {
		if conns[i] == nil {
			return nil
		}
		return conns[i]
	})
	if err != nil {
		return nil, err
	}
	for i, c := range conns {
		if c != nil {
			c.Join(adopted.Sessions[i])
		}
	}
	return func() {
		adopted.Begin()
		for i, c := range conns {
			if c != nil {
				c.Begin(&carried.Sockets[i].Socket)
			}
		}
	}, nil
}

// listenersFrom takes the next listeners.
func listenersFrom(link *handover.Link, n int) (listeners []net.Listener, err error) {
	for range n {
		fd, err := link.Take()
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		file := os.NewFile(uintptr(fd), "listener")
		listener, err := net.FileListener(file) // has a descriptor of its own
		_ = file.Close()
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}
