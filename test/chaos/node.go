package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
)

// node is one usher, which may be started again and again on its folder.
type node struct {
	index                         int
	program, folder               string
	listen, routes, direct, peers string
	secretFile                    string
	// settings are more of the command line.
	settings []string
	// led is told when this node becomes the leader of the stream, and complained of what it should
	// not log.
	led        func(index int)
	complained func(line string)

	cmd *exec.Cmd
	// ended is closed once the process has ended and its log is read.
	ended chan struct{}
	// doomed is set before a signal that ends the process.
	doomed atomic.Bool
}

func (n *node) start() error {
	log, err := os.OpenFile(n.folder+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n.cmd = exec.Command(n.program, append([]string{"serve", "--listen", n.listen, "--data", n.folder,
		"--cluster-listen", n.routes, "--cluster-link-listen", n.direct, "--cluster-peers", n.peers, "--cluster-secret-file", n.secretFile,
		"--cluster-address", n.listen, "--seat-grace", grace.String(),
		"--trusted-proxy", "127.0.0.1", // so that its one address is not counted
		"--log-format", "json"}, n.settings...)...)
	// No USHER_ settings.
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CHAOS_CLOCK=" + n.clock()}
	n.cmd.SysProcAttr = dieWithParent()
	stderr, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("starting node %d: %w", n.index+1, err)
	}
	n.ended = make(chan struct{})
	n.doomed.Store(false)
	go n.follow(stderr, log, n.ended)
	return nil
}

// follow reads the log until the process has ended.
func (n *node) follow(stderr io.Reader, log io.WriteCloser, ended chan struct{}) {
	defer close(ended)
	defer func() { _ = log.Close() }()
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		var entry struct{ Msg, Cause string }
		err := json.Unmarshal(lines.Bytes(), &entry)
		switch {
		case strings.Contains(entry.Msg, "new stream leader") && strings.Contains(entry.Msg, "> USHER'"):
			n.led(n.index)
		case entry.Cause == "a defect", err != nil && (strings.HasPrefix(lines.Text(), "panic:") || strings.HasPrefix(lines.Text(), "fatal error:")):
			n.complained(lines.Text())
		}
	}
	_ = n.cmd.Wait()
}

// clock is the file that tells by how much the node's wall clock is off (hooks.go).
func (n *node) clock() string { return n.folder + ".clock" }

// signal sends a signal to the process.
func (n *node) signal(s syscall.Signal) {
	_ = n.cmd.Process.Signal(s) // an error if it has ended, which ended tells
}

// end sends a signal that ends the process, and waits until it has.
func (n *node) end(s syscall.Signal) {
	n.doomed.Store(true)
	n.signal(s)
	<-n.ended
}

// alive reports whether the process has not ended.
func (n *node) alive() bool {
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}
