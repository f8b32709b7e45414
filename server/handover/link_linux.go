package handover

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxDescriptors is how many descriptors the kernel takes at a time (SCM_MAX_FD).
	maxDescriptors = 253
	linkBytes      = 64 << 10
	// endTimeout bounds how long Stop and Kill wait for a process that does not run, but sleeps in
	// the kernel.
	endTimeout = time.Second
)

// Link is one end of the connection between two processes. It is not safe for concurrent use.
type Link struct {
	conn *net.UnixConn
	// pid is the only process that may send.
	pid     int32
	encoder *gob.Encoder
	decoder *gob.Decoder
	out     *bufio.Writer
	// sending are the descriptors that leave with the next bytes, and arrived those that nobody
	// has taken.
	sending, arrived []int
	control          []byte
	// command and ended are the new process's, for the old one.
	command *exec.Cmd
	ended   chan struct{}
}

func newLink(file *os.File, pid int) (*Link, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("the descriptor is not a Unix socket")
	}
	l := &Link{conn: unixConn, pid: int32(pid), control: make([]byte, unix.CmsgSpace(4*maxDescriptors)+unix.CmsgSpace(unix.SizeofUcred))}
	if err := l.passCredentials(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	l.out = bufio.NewWriterSize(writer{l}, linkBytes)
	l.encoder = gob.NewEncoder(l.out)
	l.decoder = gob.NewDecoder(bufio.NewReaderSize(reader{l}, linkBytes))
	return l, nil
}

// passCredentials makes the kernel name the sender of each message.
func (l *Link) passCredentials() error {
	raw, err := l.conn.SyscallConn()
	if err != nil {
		return err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}); controlErr != nil {
		return controlErr
	}
	return os.NewSyscallError("setsockopt", err)
}

// Start starts the new process and returns the connection to it.
func Start(command *exec.Cmd) (*Link, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "successor"), os.NewFile(uintptr(pair[1]), "predecessor")
	defer theirs.Close()
	l, err := newLink(ours, 0)
	if err != nil {
		return nil, err
	}
	command.ExtraFiles = []*os.File{theirs}
	command.Env = append(command.Environ(), EnvFD+"=3")
	if err := command.Start(); err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	l.pid, l.command, l.ended = int32(command.Process.Pid), command, make(chan struct{})
	go func() {
		_ = command.Wait()
		close(l.ended)
	}()
	return l, nil
}

// Inherited returns the connection to the process that started this one to take over, nil if it was
// started for anything else.
func Inherited() (*Link, error) {
	number, ok := os.LookupEnv(EnvFD)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(EnvFD) // it is no child's
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s is not a descriptor", EnvFD)
	}
	unix.CloseOnExec(fd)
	l, err := newLink(os.NewFile(uintptr(fd), "predecessor"), os.Getppid())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvFD, err)
	}
	return l, nil
}

// PID is the other process.
func (l *Link) PID() int { return int(l.pid) }

// SetDeadline is for everything that is sent and received from now on.
func (l *Link) SetDeadline(at time.Time) { _ = l.conn.SetDeadline(at) }

// Put queues a message, with the descriptors that belong to it. They must stay open until Flush.
func (l *Link) Put(message any, descriptors ...int) error {
	l.sending = append(l.sending, descriptors...)
	if err := l.encoder.Encode(message); err != nil {
		return err
	}
	if len(l.sending) >= maxDescriptors {
		return l.Flush()
	}
	return nil
}

// Flush sends what is queued.
func (l *Link) Flush() error { return l.out.Flush() }

// Send sends a message and everything queued before.
func (l *Link) Send(message any) error {
	if err := l.Put(message); err != nil {
		return err
	}
	return l.Flush()
}

// Receive waits for the next message. The error is io.EOF if the other process has gone.
func (l *Link) Receive(message any) error { return l.decoder.Decode(message) }

// Take returns the next descriptor, which belongs to the message received last.
func (l *Link) Take() (int, error) {
	if len(l.arrived) == 0 {
		return -1, errors.New("a descriptor is missing")
	}
	fd := l.arrived[0]
	l.arrived = l.arrived[1:]
	return fd, nil
}

// Close ends the connection and closes the descriptors that nobody has taken.
func (l *Link) Close() {
	_ = l.conn.Close()
	for _, fd := range l.arrived {
		_ = unix.Close(fd)
	}
	l.arrived = nil
}

// ErrNotStopped is that of Stop.
var ErrNotStopped = errors.New("it does not stop")

// Stop makes the new process stand still, so that whatever it has sent by now is everything until
// Continue. It returns an error if the process has ended, and ErrNotStopped if a part of it has not
// come back from the kernel in time: the others stand still by then.
func (l *Link) Stop() error {
	if err := l.command.Process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < endTimeout; time.Sleep(time.Millisecond) {
		var state unix.Siginfo
		// It must not be waited for here: that is Start's.
		if err := unix.Waitid(unix.P_PID, l.command.Process.Pid, &state, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
			return os.NewSyscallError("waitid", err)
		}
		if state.Signo == int32(unix.SIGCHLD) {
			return nil
		}
	}
	return ErrNotStopped
}

// Continue lets the new process go on after Stop.
func (l *Link) Continue() { _ = l.command.Process.Signal(unix.SIGCONT) }

// Kill ends the new process, returns once it has gone, and ends the connection. A process that
// waits for a disk may take longer than Kill does, but does nothing more: only what it has open
// stays open, as the store may.
func (l *Link) Kill() {
	_ = l.command.Process.Kill()
	select {
	case <-l.ended:
	case <-time.After(endTimeout):
	}
	l.Close()
}

// writer sends bytes with the descriptors that wait.
type writer struct{ *Link }

func (w writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		batch := w.sending[:min(len(w.sending), maxDescriptors)]
		// Each batch needs a byte at least, and the rest of the bytes go with the last one.
		piece := b
		if len(w.sending) > len(batch) {
			piece = b[:1]
		}
		var rights []byte
		if len(batch) > 0 {
			rights = unix.UnixRights(batch...)
		}
		sent, _, err := w.conn.WriteMsgUnix(piece, rights, nil)
		n += max(sent, 0)
		if err != nil {
			return n, err
		}
		w.sending = w.sending[len(batch):]
		b = b[sent:]
	}
	return n, nil
}

// reader receives bytes, and keeps the descriptors that come with them.
type reader struct{ *Link }

func (r reader) Read(b []byte) (int, error) {
	n, oobn, flags, _, err := r.conn.ReadMsgUnix(b, r.control)
	if err != nil {
		return 0, err // n may be -1
	}
	messages, err := unix.ParseSocketControlMessage(r.control[:oobn])
	if err != nil {
		return 0, err
	}
	known := n == 0
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			r.arrived = append(r.arrived, fds...)
		} else if sender, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			known = sender.Pid == r.pid && sender.Uid == uint32(os.Getuid())
		}
	}
	switch {
	case !known:
		return 0, errors.New("a message came from another process")
	case flags&unix.MSG_CTRUNC != 0:
		return 0, errors.New("the process may not have that many descriptors")
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
