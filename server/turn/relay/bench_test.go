package relay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveVariable makes the test's program a server, which runs until its input ends.
const serveVariable = "USHER_RELAY_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	s := open(new(testing.T), func(c *Config) { c.AllowPeers, c.Bandwidth = []netip.Prefix{loopback}, 1<<30 })
	fmt.Println(s.address())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// BenchmarkRelay sends packets of the size that browsers use from a client through the allocation
// of a server in another process to a peer. It reports the payload that the peer got in a second,
// and in a second of the server's CPU time. Packets that UDP loses are not counted.
func BenchmarkRelay(b *testing.B) {
	for _, transport := range []string{"udp", "tcp"} {
		b.Run(transport, func(b *testing.B) { benchmarkRelay(b, transport) })
	}
}

func benchmarkRelay(b *testing.B, transport string) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serveVariable+"=1")
	in, _ := server.StdinPipe()
	out, _ := server.StdoutPipe()
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = server.Wait() }()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{config: Config{Key: []byte("north")}, now: time.Now, urls: []string{"stun:" + strings.TrimSpace(address), "turn:" + address}}
	peer, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	_ = peer.SetReadBuffer(8 << 20)
	conn := s.dial(b, ann, time.Hour, transport).allocate()
	packet := make([]byte, 1200)
	if _, err := conn.WriteTo(packet, peer.LocalAddr()); err != nil {
		b.Fatal(err)
	}
	got, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 2048)
		for n := 0; err == nil; n, _, err = peer.ReadFromUDP(buffer) {
			got += n
		}
	}()
	b.SetBytes(int64(len(packet)))
	start, used := time.Now(), cpuOf(b, server.Process.Pid)
	for b.Loop() {
		if _, err := conn.WriteTo(packet, peer.LocalAddr()); err != nil {
			b.Fatal(err)
		}
	}
	elapsed := time.Since(start)
	_ = peer.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	<-done
	used = cpuOf(b, server.Process.Pid) - used
	b.ReportMetric(float64(got)*8/elapsed.Seconds()/1e9, "Gbit/s")
	b.ReportMetric(float64(got)*8/used.Seconds()/1e9, "Gbit/s-of-a-core")
}

// cpuOf returns the CPU time that a process has used, from /proc, in hundredths of a second.
func cpuOf(b *testing.B, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
