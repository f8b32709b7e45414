package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
)

// build makes usher in the folder, and returns its path.
func build(ctx context.Context, folder string, race bool) (string, error) {
	program := folder + "/usher"
	args := []string{"build", "-o", program}
	if race {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "usher/cmd/usher")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building usher: %w\n%s", err, out)
	}
	return program, nil
}

// process is a running usher.
type process struct {
	cmd     *exec.Cmd
	address string
	// killed is set before the kill, so that whoever finds a socket dead can tell why.
	killed atomic.Bool
	// complaints is what the server logged and should not have; valid once drained is closed.
	complaints []string
	drained    chan struct{}
}

const maxComplaints = 20

// spawn starts usher on the data folder; ready receives its address once it serves.
func spawn(program, data string) (p *process, ready <-chan string, err error) {
	p = &process{drained: make(chan struct{})}
	p.cmd = exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--seat-grace", "5m",
		// so that its one address is not counted
		"--trusted-proxy", "127.0.0.1", "--log-format", "json")
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no USHER_ settings
	p.cmd.SysProcAttr = dieWithParent()
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	serving := make(chan string, 1)
	go p.follow(stderr, serving)
	return p, serving, nil
}

// start is spawn until it serves.
func start(ctx context.Context, program, data string) (*process, error) {
	p, ready, err := spawn(program, data)
	if err != nil {
		return nil, err
	}
	select {
	case p.address = <-ready:
		return p, nil
	case <-p.drained:
		err = errors.New("usher ended while starting")
	case <-ctx.Done():
		err = fmt.Errorf("usher did not start: %w", ctx.Err())
	}
	return nil, errors.Join(err, p.kill())
}

// follow reads the log until the process has ended.
func (p *process) follow(log io.Reader, serving chan<- string) {
	defer close(p.drained)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var entry struct{ Level, Msg, Listen string }
		err := json.Unmarshal(lines.Bytes(), &entry)
		switch {
		case err == nil && entry.Msg == "serving":
			serving <- entry.Listen
		case banner(lines.Text()):
		case (err != nil || entry.Level != "INFO") && len(p.complaints) < maxComplaints:
			p.complaints = append(p.complaints, lines.Text())
		}
	}
}

// banner reports whether the line belongs to the greeting, which is indented.
func banner(line string) bool { return line == "" || strings.HasPrefix(line, "  ") }

// kill ends the process with SIGKILL. It is an error if that was not what ended it, or if it has
// logged anything but information.
func (p *process) kill() error {
	p.killed.Store(true)
	_ = p.cmd.Process.Kill() // an error if it has ended by itself, which Wait tells
	<-p.drained
	_ = p.cmd.Wait()
	var failed error
	if ended := p.cmd.ProcessState.String(); ended != "signal: killed" {
		failed = wrongf("usher ended by itself: %s", ended)
	}
	if len(p.complaints) > 0 {
		failed = errors.Join(failed, wrongf("usher logged:\n%s", strings.Join(p.complaints, "\n")))
	}
	return failed
}
