package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// build makes usher in the folder and returns its path.
func build(ctx context.Context, folder string) (string, error) {
	program := filepath.Join(folder, "usher")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "usher/cmd/usher").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building usher: %w\n%s", err, out)
	}
	return program, nil
}

// server is a running usher.
type server struct {
	cmd     *exec.Cmd
	address string
	ended   chan struct{} // closed when the log has ended, and the process with it
	mu      sync.Mutex
	lines   int
	bytes   int
	memory  int64  // the most that was seen
	alarm   string // the log's first panic, room that was given up or miscount
	alarms  int
}

// startServer returns once usher serves. It is killed when the context ends, and when it takes more
// memory than that.
func startServer(ctx context.Context, program, folder string, flags []string, memory int64) (*server, error) {
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(folder, "data"), "--log-format", "json"}, flags...)
	s := &server{cmd: exec.CommandContext(ctx, program, args...), ended: make(chan struct{})}
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no USHER_ settings
	s.cmd.SysProcAttr = dieWithParent()
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	serving := make(chan string, 1)
	go s.follow(stderr, serving)
	go s.watch(memory)
	select {
	case s.address = <-serving:
		return s, nil
	case <-s.ended:
		err = fmt.Errorf("usher ended while starting: %s", s.alarm)
	case <-time.After(patience):
		err = fmt.Errorf("usher did not start within %v", patience)
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	return nil, err
}

// follow counts the log until the process has ended.
func (s *server) follow(log io.Reader, serving chan<- string) {
	defer close(s.ended)
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		s.mu.Lock()
		if len(line) > 0 {
			s.lines++
			s.bytes += len(line)
		}
		var entry struct{ Level, Msg, Listen string }
		isEntry := json.Unmarshal(line, &entry) == nil
		isDefect := entry.Msg == "a room was given up" || entry.Msg == "more rooms of an address ended than were counted"
		alarming := bytes.Contains(line, []byte("panic")) || isEntry && isDefect || !isEntry && bytes.HasPrefix(line, []byte("error:"))
		if alarming {
			if s.alarms++; s.alarms == 1 {
				s.alarm = fmt.Sprintf("%.300s", bytes.TrimSpace(line))
			}
		}
		s.mu.Unlock()
		if isEntry && entry.Msg == "serving" {
			select {
			case serving <- entry.Listen:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// watch keeps the server from taking the machine's memory.
func (s *server) watch(memory int64) {
	for {
		now, _ := peakMemory(s.cmd.Process.Pid)
		s.mu.Lock()
		s.memory = max(s.memory, now)
		s.mu.Unlock()
		if now > memory {
			_ = s.cmd.Process.Kill()
		}
		select {
		case <-s.ended:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// watched is the most memory that the server was seen to take.
func (s *server) watched() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory
}

// stop drains the server. It returns what was wrong with its end and its log.
func (s *server) stop() (faults []string) {
	_ = s.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.ended:
	case <-time.After(patience):
		faults = append(faults, fmt.Sprintf("the server did not drain within %v", patience))
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	if err := s.cmd.Wait(); err != nil {
		faults = append(faults, "the server ended with "+err.Error())
	}
	if s.alarms > 0 {
		faults = append(faults, fmt.Sprintf("the server logged %d times a line like %s", s.alarms, s.alarm))
	}
	return faults
}

// player is the room's or the attacker's process.
type player struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	err   bytes.Buffer
}

// startPlayer starts this program again in a role, with its part as JSON.
func startPlayer(ctx context.Context, role string, part any) (*player, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	p := &player{cmd: exec.CommandContext(ctx, self, role, string(text))}
	p.cmd.Stderr = &p.err
	p.cmd.SysProcAttr = dieWithParent()
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(stdout)
	return p, p.cmd.Start()
}

// read takes one line of JSON from the player.
func (p *player) read(into any) error {
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		return fmt.Errorf("the %s said nothing: %w\n%.2000s", p.cmd.Args[1], err, p.err.String())
	}
	return nil
}

// say makes the player go on.
func (p *player) say(word string) { _, _ = io.WriteString(p.stdin, word+"\n") }

// wait returns when the player has ended.
func (p *player) wait() { _ = p.stdin.Close(); _ = p.cmd.Wait() }
