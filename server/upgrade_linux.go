package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"usher/room"
	"usher/server/edge"
	"usher/server/handover"
	"usher/server/rooms"
)

const (
	// helloTimeout bounds how long a new program may take until it is ready to take over. Until
	// then this one serves.
	helloTimeout = 15 * time.Second
	// takeOverTimeout bounds how long everything stands still.
	takeOverTimeout = 2 * time.Second
	// settleTimeout is the part of it that handshakes and hashes under way may take.
	settleTimeout = 500 * time.Millisecond
	// lookTimeout is enough to read what has been sent before.
	lookTimeout = 50 * time.Millisecond
)

// Upgrade starts a program that takes over the listeners, the sockets and the rooms of this
// server, while clients notice nothing but a pause. Then Run ends. After an error the program is
// gone and this server has gone on. passed is called once the program has taken over, before it
// hears that this server is done. Upgrade adds a file and an environment variable to command.
func (s *Server) Upgrade(ctx context.Context, command *exec.Cmd, passed func(pid int)) error {
	if !s.succession.mu.TryLock() {
		return errors.New("an upgrade is under way, or the server ends")
	}
	defer s.succession.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.succession.cancel.Store(&cancel)
	switch why := s.keeps(); {
	case s.succession.isDone():
		return errors.New("another process has taken over already")
	case why != "":
		return errors.New(why)
	}
	link, err := handover.Start(command)
	if err != nil {
		return fmt.Errorf("starting the new program: %w", err)
	}
	commit := context.AfterFunc(ctx, func() { link.SetDeadline(time.Unix(1, 0)) })
	defer commit()
	if err := greet(link); err != nil {
		link.Kill()
		return fmt.Errorf("the new program: %w", ended(err))
	}
	began := time.Now()
	if err := s.handOver(ctx, link, commit); err != nil {
		return fmt.Errorf("the new program did not take over, and this one has gone on: %w", ended(err))
	}
	s.log.Info("another process has taken over", "pid", link.PID(), "tookMs", time.Since(began).Milliseconds())
	if passed != nil {
		passed(link.PID())
	}
	link.Close()
	return nil
}

// ended says what it means that a process no longer answers.
func ended(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return errors.New("it has ended")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("it does not answer in time")
	}
	return err
}

// greet waits until the new program is ready, and judges whether the two understand each other.
func greet(link *handover.Link) error {
	link.SetDeadline(time.Now().Add(helloTimeout))
	var hello handover.Hello
	if err := link.Receive(&hello); err != nil {
		return err
	}
	if hello.Version != handover.Version || hello.Attachment != room.AttachmentVersion {
		return fmt.Errorf("it takes over in version %d.%d only, and this one hands over in version %d.%d: stop this one, and start the new one",
			hello.Version, hello.Attachment, handover.Version, room.AttachmentVersion)
	}
	return nil
}

// handOver stops everything, passes it on, and forgets it, or goes on if that fails. commit reports
// whether ctx can no longer interrupt it.
func (s *Server) handOver(ctx context.Context, link *handover.Link, commit func() bool) error {
	// Before anything stands still, so that nothing of this process arrives after what the new one
	// sends.
	quiet, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	resumeWebhooks := s.webhooks.pause(quiet)
	link.SetDeadline(time.Now().Add(takeOverTimeout))
	settle, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	s.hold()
	held := s.edge.Hold(settle)
	frozen, ok := s.rooms.Freeze(settle)
	err := ctx.Err()
	if err == nil && !ok {
		err = errors.New("the store does not keep up")
	}
	if err == nil {
		err = s.pass(link, held, frozen, commit)
	}
	if err != nil {
		link.Kill()
		if err := s.store.(*keptStore).reopen(); err != nil {
			s.log.Error("the store could not be opened again yet", "error", err)
		}
		frozen.Thaw()
		held.Resume()
		s.goOn()
		resumeWebhooks()
		return err
	}
	frozen.Leave()
	held.Leave()
	close(s.succession.done) // what is still open now stays
	closeAll(s.listeners)
	closeAll(s.metricsAside.all())
	s.goOn()
	return nil
}

// pass sends everything, and returns once the new process has begun.
func (s *Server) pass(link *handover.Link, held *edge.Held, frozen *rooms.Frozen, commit func() bool) error {
	if !s.store.Accepts() {
		return errors.New("the store fails")
	}
	if err := s.closeStore(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	listeners, err := descriptors(s.listeners)
	if err != nil {
		return err
	}
	aside, err := descriptors(s.metricsAside.all())
	if err != nil {
		return err
	}
	events, err := s.appendEvents()
	if err != nil {
		return err
	}
	listen, metricsListen := s.listenedOn()
	head := handover.Head{
		Listen: listen, MetricsListen: metricsListen, Events: events,
		NowMs: s.rooms.Now().Ms, MonotonicNs: monotonicNs(),
		Listeners: len(listeners), MetricsListeners: len(aside), Rooms: frozen.Len(),
	}
	if err := link.Put(head, append(listeners, aside...)...); err != nil {
		return err
	}
	// It is sent now, so that the store opens while the rest arrives.
	if err := link.Send(s.edge.AppendBudgets(nil)); err != nil {
		return err
	}
	err = frozen.Carry(func(c *rooms.Carried, sockets []rooms.Socket) error {
		carried, fds := carriedRoom{Room: *c, Sockets: make([]carriedSocket, len(sockets))}, []int(nil)
		for i, socket := range sockets {
			if conn, ok := socket.(*edge.Conn); ok {
				if state, fd, ok := held.Carry(conn); ok {
					carried.Sockets[i] = carriedSocket{true, *state}
					fds = append(fds, fd)
				}
			}
		}
		return link.Put(&carried, fds...)
	})
	if err == nil {
		err = link.Flush()
	}
	if err == nil {
		err = agreed(link)
	}
	if err != nil {
		return err
	}
	if !commit() { // from here on, everything may be the new process's
		return errors.New("this server is to end")
	}
	if err := link.Send(handover.Go{}); err != nil {
		return err
	}
	link.SetDeadline(time.Now().Add(takeOverTimeout))
	if err = agreed(link); errors.Is(err, os.ErrDeadlineExceeded) {
		err = decide(link, err)
	}
	return err
}

// decide returns nil if the new process has begun, and late if it has not. After late it stands
// still, and never begins. One that waits for a disk does not stop, but says nothing more either.
func decide(link *handover.Link, late error) error {
	if err := link.Stop(); err != nil && !errors.Is(err, handover.ErrNotStopped) {
		return errors.Join(late, err)
	}
	link.SetDeadline(time.Now().Add(lookTimeout))
	if err := agreed(link); err != nil {
		return err
	}
	link.Continue()
	return nil
}

// agreed waits until the other process agrees, or returns its reason.
func agreed(link *handover.Link) error {
	var reply handover.Reply
	if err := link.Receive(&reply); err != nil {
		return err
	}
	if reply.Refusal != "" {
		return errors.New(reply.Refusal)
	}
	return nil
}

func monotonicNs() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // never fails
	return now.Nano()
}

// descriptors returns those of listeners, which they still own.
func descriptors(listeners []net.Listener) (fds []int, err error) {
	for _, listener := range listeners {
		held, ok := listener.(*heldListener)
		if !ok {
			return nil, errors.New("a listener cannot be handed over")
		}
		err := held.control(func(fd int) error {
			fds = append(fds, fd)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return fds, nil
}
