package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

type clusterDemoCmd struct {
	KillAfter time.Duration `name:"kill-after" default:"20s" placeholder:"20s" help:"How long until the first node is killed (20s)."`
	Linger    time.Duration `default:"20s" placeholder:"20s" help:"How long the others go on after the report (20s)."`
}

// Help is the text under the summary of usher cluster demo --help.
func (*clusterDemoCmd) Help() string {
	return "Three bots are in a room that the first node owns, each connected to another node. " +
		"Open the room's pages while it runs, and watch. Ctrl-C ends it; nothing is left behind."
}

const (
	demoNodes = 3
	// demoStart bounds the start of the nodes, and demoBack the return of everybody.
	demoStart, demoBack = 2 * time.Minute, time.Minute
)

func (c *clusterDemoCmd) Run(out io.Writer) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The nodes end with the thread that starts them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	folder, err := os.MkdirTemp("", "usher-demo-")
	if err != nil {
		return err
	}
	d := &demo{folder: folder}
	defer d.end()
	err = c.show(ctx, out, d)
	if ctx.Err() != nil {
		fmt.Fprintln(out, "Ended.")
		return nil
	}
	return err
}

func (c *clusterDemoCmd) show(ctx context.Context, out io.Writer, d *demo) error {
	if err := d.start(ctx); err != nil {
		return err
	}
	room, err := d.roomOfFirst(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Three nodes and a room of three bots, Ann, Bob and Cy, whose owner is node 1:\n\n")
	for i, n := range d.nodes {
		fmt.Fprintf(out, "  node %d  http://%s/#%s\n", i+1, n.address, room)
	}
	fmt.Fprintf(out, "\nEach bot is connected to its own node, and sends to the next one ten times a second.\n")
	bots, err := d.enter(ctx, room)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Node 1 is killed in %v. Ctrl-C ends the demo.\n", c.KillAfter)
	if !sleep(ctx, c.KillAfter) {
		return ctx.Err()
	}
	killed := time.Now()
	d.nodes[0].kill()
	fmt.Fprintln(out, "\nNode 1 is killed: the room's owner, and the node of Ann, who is host.")
	backBy, cancel := context.WithTimeout(ctx, demoBack)
	defer cancel()
	if err := awaitBots(backBy, bots, killed); err != nil {
		return err
	}
	reportRoom(out, bots, killed)
	sleep(ctx, c.Linger)
	return nil
}

// reportRoom says what happened to the room.
func reportRoom(out io.Writer, bots []*bot, killed time.Time) {
	first, last := time.Duration(1<<62), time.Duration(0)
	kept, host := 0, bots[0].state().host
	for _, b := range bots {
		s := b.state()
		silent := s.heard.Sub(killed)
		first, last = min(first, silent), max(last, silent)
		if s.kept {
			kept++
		}
		fmt.Fprintf(out, "  %-4s on node %d, hears the others again after %.1f s\n", b.name, s.node+1, silent.Seconds())
		if s.host != host {
			host = "disputed"
		}
	}
	fmt.Fprintf(out, "\nThe room was silent for %.1f s, and for %.1f s until everybody was back. Seats kept: %d of %d. Host: %s.\n",
		first.Seconds(), last.Seconds(), kept, len(bots), host)
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// demo is what the command starts.
type demo struct {
	folder string
	nodes  [demoNodes]*demoNode
	bots   context.CancelFunc
}

// demoNode is a node in a process of its own.
type demoNode struct {
	address string
	cmd     *exec.Cmd
	log     string
	ended   chan struct{}
}

func (n *demoNode) kill() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// end leaves nothing behind.
func (d *demo) end() {
	if d.bots != nil {
		d.bots()
	}
	for _, n := range d.nodes {
		if n != nil {
			n.kill()
		}
	}
	_ = os.RemoveAll(d.folder)
}

func (d *demo) start(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // never fails
	secretFile := filepath.Join(d.folder, "secret")
	if err := os.WriteFile(secretFile, []byte(hex.EncodeToString(secret)), 0o600); err != nil {
		return err
	}
	addresses, err := freeAddresses(2 * demoNodes)
	if err != nil {
		return err
	}
	listen, peers := addresses[:demoNodes], addresses[demoNodes:]
	for i := range d.nodes {
		name := filepath.Join(d.folder, fmt.Sprint("node-", i+1))
		d.nodes[i], err = startNode(listen[i], name+".log", program, "serve", "--listen", listen[i], "--data", name,
			"--cluster-listen", peers[i], "--cluster-link-listen", "127.0.0.1:0", "--cluster-peers", strings.Join(peers, ","), "--cluster-secret-file", secretFile)
		if err != nil {
			return err
		}
	}
	return d.settle(ctx)
}

func startNode(address, log, program string, args ...string) (*demoNode, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	n := &demoNode{address: address, cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	n.cmd.Stdout, n.cmd.Stderr, n.cmd.SysProcAttr = file, file, dieWithParent()
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, envPrefix) {
			n.cmd.Env = append(n.cmd.Env, variable)
		}
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = n.cmd.Wait()
		close(n.ended)
	}()
	return n, nil
}

// settle waits until each node has its part of the shards.
func (d *demo) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	for {
		settled := 0
		for i, n := range d.nodes {
			status, err := askStatus(ctx, "http://"+n.address)
			if err == nil && status.Problem == "" && status.Unowned == 0 && evenly(status.Nodes, status.Shards) {
				settled++
			}
			select {
			case <-n.ended:
				return fmt.Errorf("node %d ended while it started:\n%s", i+1, tail(n.log))
			default:
			}
		}
		if settled == demoNodes {
			return nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return fmt.Errorf("the nodes did not find each other within %v:\n%s", demoStart, tail(d.nodes[0].log))
		}
	}
}

// roomOfFirst finds a room's id that the first node owns.
func (d *demo) roomOfFirst(ctx context.Context) (string, error) {
	for range 1000 {
		var random [4]byte
		_, _ = rand.Read(random[:]) // never fails
		room := "demo-" + hex.EncodeToString(random[:])
		response, err := askNode(ctx, http.MethodGet, "http://"+d.nodes[0].address, "/cluster/owner?roomId="+room, "")
		if err != nil {
			return "", err
		}
		_ = response.Body.Close()
		if response.Header.Get("X-Usher-Node") == d.nodes[0].address {
			return room, nil
		}
	}
	return "", errors.New("the first node owns no room")
}

// tail is the end of a log.
func tail(file string) string {
	const atMost = 2000
	text, _ := os.ReadFile(file)
	return string(text[max(0, len(text)-atMost):])
}

// freeAddresses returns addresses of this machine that nobody listens on.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		l, err := listenSomewhere()
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are known
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// listenSomewhere listens on a port below those that the system chooses from for port 0 and for
// outgoing connections: it could give one of these to somebody else before it is used.
func listenSomewhere() (l net.Listener, err error) {
	for range 100 {
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+mathrand.IntN(12_000))); err == nil {
			return l, nil
		}
	}
	return nil, err
}
