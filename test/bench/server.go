package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// kind is which program a server process runs.
type kind string

const (
	kindUsher   kind = "usher"
	kindBare    kind = "bare"
	kindNbio    kind = "nbio"
	kindStandin kind = "standin"
	// kindFloor is floor/floor.c.
	kindFloor kind = "floor"
	// kindOlder is another usher, measured beside the one under test.
	kindOlder kind = "older"
	// kindNode is an usher of a cluster.
	kindNode kind = "node"
	// These are workerd, with a bundle in it.
	kindWorker kind = "worker"
	kindPeer   kind = "peer"
	kindProbe  kind = "probe"
	kindParty  kind = "party"
)

// bare reports that the server is one of the floors, which pass on what comes and know no messages.
func (k kind) bare() bool { return k == kindBare || k == kindNbio || k == kindFloor }

// usherFlags are the server's flags, only here, because they may be renamed. Every
// check stays on; only the limits that one machine's load would meet are raised.
func usherFlags(listen, data string) []string {
	// The most that usher takes: more than one socket of the generator can send.
	const messages, bytes = "1000000", "1GiB"
	return []string{"serve",
		"--listen", listen,
		"--data", data,
		"--message-rate", messages, "--message-burst", messages,
		"--byte-rate", bytes, "--byte-burst", bytes,
		// The addresses of the generator are few. What a trusted proxy does itself is not counted.
		"--trusted-proxy", "127.0.0.0/8",
		"--idle-timeout", "1h", // who only receives sends no PING here
	}
}

// server is one server under test, in a process of its own.
type server struct {
	kind    kind
	address netip.AddrPort
	pid     int
	command *exec.Cmd
	folder  string // its data and log, removed with it
	exited  chan struct{}
	// environment is what is set for it besides this program's own, and secure that it serves TLS.
	environment []string
	secure      bool
}

// workshop is what the subcommands share: where the programs are and what the run is bound to.
type workshop struct {
	ctx        context.Context
	folder     string // of this run, removed at the end
	repository string // the checkout
	// program is the usher to test, or "bare", "nbio", "standin" or "peer"; "" until it is built.
	program string
	// floor is the compiled floor.c, "" until it is built.
	floor string
	// older is another usher to measure in the same run, "" for none.
	older   string
	extra   []string
	pollers int
	tools   *workerTools // only for the worker
}

// tested is the kind of the server that the promises are about.
func (w *workshop) tested() kind {
	switch k := kind(w.program); k {
	case kindBare, kindNbio, kindStandin, kindPeer:
		return k
	}
	return kindUsher
}

// build makes the server from the checkout unless it was given or is there.
func (w *workshop) build() error {
	if w.program != "" {
		return nil
	}
	program := filepath.Join(w.folder, "usher")
	command := exec.CommandContext(w.ctx, "go", "build", "-o", program, "./cmd/usher")
	command.Dir = w.repository
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/usher: %w\n%s", err, output)
	}
	w.program = program
	return nil
}

//go:embed floor/floor.c
var floorSource []byte

// buildFloor compiles the floor if there is a C compiler, and reports whether there is one.
func (w *workshop) buildFloor() (bool, error) {
	if w.floor != "" {
		return true, nil
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		progress("no C compiler (cc): measured without the floor\n")
		return false, nil
	}
	program := filepath.Join(w.folder, "floor")
	source := filepath.Join(w.folder, "floor.c")
	if err := os.WriteFile(source, floorSource, 0o600); err != nil {
		return false, err
	}
	command := exec.CommandContext(w.ctx, compiler, "-O2", "-o", program, source)
	if output, err := command.CombinedOutput(); err != nil {
		return false, fmt.Errorf("cc floor.c: %w\n%s", err, output)
	}
	w.floor = program
	return true, nil
}

// start runs a server and waits until it is healthy.
func (w *workshop) start(k kind) (*server, error) {
	return w.startAs(k, func(s *server) (string, []string, error) {
		if k == kindUsher {
			if err := w.build(); err != nil {
				return "", nil, err
			}
		}
		program, args := w.commandLine(s)
		return program, args, nil
	})
}

// startAs runs a server by the command line that its address and folder make.
func (w *workshop) startAs(k kind, commandLine func(*server) (program string, args []string, err error)) (*server, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(w.folder, string(k)+"-")
	if err != nil {
		return nil, err
	}
	s := &server{kind: k, address: address, folder: folder, exited: make(chan struct{})}
	program, args, err := commandLine(s)
	if err != nil {
		return nil, err
	}
	if err := s.launch(program, args); err != nil {
		return nil, err
	}
	if err := s.awaitHealth(w.ctx); err != nil {
		err = fmt.Errorf("%s: %w\n%s", k, err, s.logTail())
		s.stop()
		return nil, err
	}
	return s, nil
}

func (w *workshop) commandLine(s *server) (program string, args []string) {
	switch s.kind {
	case kindUsher:
		return w.program, append(usherFlags(s.address.String(), filepath.Join(s.folder, "data")), w.extra...)
	case kindFloor:
		return w.floor, []string{s.address.Addr().String(), fmt.Sprint(s.address.Port())}
	case kindOlder:
		return w.older, usherFlags(s.address.String(), filepath.Join(s.folder, "data"))
	}
	// "/proc/self/exe" would be the child's own view; the link is read here.
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return self, []string{string(s.kind), "-listen", s.address.String(), "-pollers", fmt.Sprint(w.pollers)}
}

func (s *server) launch(program string, args []string) error {
	log, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.command = exec.Command(program, args...)
	s.command.Stdout, s.command.Stderr = log, log
	// The children of this program end with their standard input; usher does not read it.
	if _, err := s.command.StdinPipe(); err != nil {
		return err
	}
	s.command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "USHER_") })
	s.command.Env = append(s.command.Env, s.environment...)
	s.command.SysProcAttr = &syscall.SysProcAttr{
		// Ctrl-C reaches only this program, which then ends the servers itself.
		Setpgid: true,
		// And they end with it should it be killed. The signal is bound to the
		// thread that started them: main holds the main thread for that.
		Pdeathsig: syscall.SIGKILL,
	}
	if err := s.command.Start(); err != nil {
		return err
	}
	s.pid = s.command.Process.Pid
	go func() { s.command.Wait(); close(s.exited) }()
	return nil
}

func (s *server) awaitHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for {
		if response, err := client.Get("http://" + s.address.String() + "/health"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			return fmt.Errorf("ended at once: %v", s.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("not healthy: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the process, gently at first, and removes its folder.
func (s *server) stop() {
	s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(2 * time.Second):
		// A drain of thousands of seats that nobody needs any more.
		s.command.Process.Kill()
		<-s.exited
	}
	os.RemoveAll(s.folder)
}

// logTail is the end of what the server wrote.
func (s *server) logTail() string {
	const tailBytes = 2000
	log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
	log = bytes.TrimSpace(log)
	return string(log[max(0, len(log)-tailBytes):])
}

// explain adds the output of the server to an error of its load.
func (s *server) explain(err error) error {
	if err == nil {
		return nil
	}
	select {
	case <-s.exited:
		err = fmt.Errorf("%w (the server has ended: %v)", err, s.command.ProcessState)
	default:
	}
	return fmt.Errorf("%s: %w\n%s", s.kind, err, s.logTail())
}

// freePort finds a port of 127.0.0.1 for a server to listen on.
func freePort() (netip.AddrPort, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}
