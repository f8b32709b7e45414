package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// troubledFile is a log file on a full disk, or a pipe that nobody reads, until the problem is
// fixed.
type troubledFile struct {
	mu    sync.Mutex
	text  bytes.Buffer
	stuck chan struct{} // a Write waits until it is closed
	space int           // a Write beyond it fails, -1 for no bound
}

func (f *troubledFile) Write(b []byte) (int, error) {
	if f.stuck != nil {
		<-f.stuck
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.space < 0 {
		return f.text.Write(b)
	}
	n := min(len(b), f.space)
	f.space -= n
	_, _ = f.text.Write(b[:n])
	return n, syscall.ENOSPC
}

func TestALogThatNobodyReadsHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &troubledFile{stuck: make(chan struct{}), space: -1}
		lost := 0
		w := newLogWriter(file, func(lines int) { lost += lines })
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const lines = 3 * maxLogBacklogBytes / 1024
		for range lines {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		began := time.Now()
		w.close(logFlushTimeout)
		if waited := time.Since(began); waited != logFlushTimeout {
			t.Errorf("close waited for %v", waited)
		}
		close(file.stuck)
		synctest.Wait()
		written := strings.Count(file.text.String(), "\n")
		if lost == 0 || written == 0 || lost+written != lines {
			t.Errorf("%d lines were written and %d reported as lost, of %d", written, lost, lines)
		}
	})
}

func TestAFullDiskLosesLinesAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &troubledFile{space: 9}
		var lost []int
		w := newLogWriter(file, func(lines int) { lost = append(lost, lines) })
		for i := range 4 {
			fmt.Fprintf(w, "line %d\n", i)
			synctest.Wait()
		}
		file.mu.Lock()
		file.space = -1
		file.mu.Unlock()
		fmt.Fprintf(w, "line 4\nline 5\n")
		w.close(logFlushTimeout)
		if got, want := file.text.String(), "line 0\nli\nline 4\nline 5\n"; got != want || len(lost) != 1 || lost[0] != 3 {
			t.Errorf("the file has %q and %v lines are lost, want %q and 3", got, lost, want)
		}
	})
}

// lockedBuffer is written by a timer while a test reads it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// take returns what was written since the last take.
func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.buffer.String()
	b.buffer.Reset()
	return text
}

func TestLinesThatRepeatAreLeftOutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		log, repeats := (&settings{LogLevel: "debug"}).logger(&out)
		defer repeats.report() // ends its timer
		count := func(text string, want int, about string, pattern string) {
			t.Helper()
			if got := len(regexp.MustCompile(pattern).FindAllString(text, -1)); got != want {
				t.Errorf("%s: %d lines, want %d", about, got, want)
			}
		}
		for i := range 10_000 {
			log.With("a", 1).Warn("flood", "n", i)
			log.WithGroup("g").Error("flood", "n", i)
			log.Debug("details", "n", i)
		}
		log.Info("flood")
		log.Info("something else")
		text := out.take()
		count(text, repeatBurst, "warnings", `level=WARN msg=flood a=1 n=\d+\n`)
		count(text, repeatBurst, "errors of the same text", `level=ERROR msg=flood g.n=\d+\n`)
		count(text, debugRepeatBurst, "debug", `level=DEBUG msg=details`)
		count(text, 2, "others", `level=INFO msg=("something else"|flood)\n`)

		time.Sleep(repeatReportEvery - time.Nanosecond)
		count(out.take(), 0, "before the report", `.+`)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		text = out.take()
		count(text, 3, "reports", `msg="log lines left out" message=\w+ lines=\d+\n`)
		for _, want := range []string{
			fmt.Sprintf(`level=WARN msg="log lines left out" message=flood lines=%d`, 10_000-repeatBurst),
			fmt.Sprintf(`level=DEBUG msg="log lines left out" message=details lines=%d`, 10_000-debugRepeatBurst),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in %s", want, text)
			}
		}
		time.Sleep(time.Hour)
		count(out.take(), 0, "an hour without lines", `.+`)
		for range 10_000 {
			log.Warn("flood")
		}
		count(out.take(), repeatBurst, "another flood", `msg=flood`)
		repeats.report()
		count(out.take(), 1, "the last report", fmt.Sprintf(`lines=%d\n`, 10_000-repeatBurst))
		for i := range 2 * maxRepeatKeys {
			log.Info(fmt.Sprint("message ", i))
		}
		if len(repeats.counts) > maxRepeatKeys+2 {
			t.Errorf("%d messages are told apart", len(repeats.counts))
		}
	})
}

func TestAQuietLevelReportsNothing(t *testing.T) {
	var out bytes.Buffer
	log, repeats := (&settings{LogLevel: "error"}).logger(&out)
	for range 10_000 {
		log.Warn("flood")
	}
	if repeats.report(); out.Len() > 0 {
		t.Errorf("it writes %s", &out)
	}
}

// TestNoLogStopsTheServer runs the program with logs that cannot be written to.
func TestNoLogStopsTheServer(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		full = nil // not available on this system
	}
	for _, test := range []struct {
		name string
		// log returns the standard error of the server, and a function that spoils it once the
		// server is up.
		log func(t *testing.T) (stderr *os.File, spoil func())
	}{
		{"a reader that has gone", func(t *testing.T) (*os.File, func()) {
			r, w := pipe(t)
			return w, func() { r.Close() }
		}},
		{"a reader that does not read", func(t *testing.T) (*os.File, func()) {
			_, w := pipe(t)
			return w, func() {}
		}},
		{"a full disk", func(t *testing.T) (*os.File, func()) {
			if full == nil {
				_, w := pipe(t)
				return w, func() {}
			}
			return full, func() {}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stderr, spoil := test.log(t)
			p := startUsher(t, stderr, "--log-level", "debug", "--address-request-rate", "0")
			spoil()
			for range 3000 { // more than a pipe holds, and more than one of each message
				p.ask(t, "/health")
			}
			if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := p.command.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
			var exit *exec.ExitError
			store := exec.Command(p.command.Path, "rooms", "--data", p.data)
			if out, err := store.CombinedOutput(); errors.As(err, &exit) {
				t.Errorf("what it left cannot be read: %s", out)
			}
		})
	}
}

// process is usher running as a separate process.
type process struct {
	command *exec.Cmd
	url     string
	data    string
}

var pageURL = regexp.MustCompile(`Health +(http://\S+)/health`)

// startUsher starts this test program under the name of the command, which makes it run as the
// command.
func startUsher(t *testing.T, stderr *os.File, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "usher")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	p := &process{data: filepath.Join(t.TempDir(), "data")}
	p.command = exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", p.data, "--drain-spread", "0s"}, args...)...)
	p.command.Stderr = stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	})
	var banner []byte
	for p.url == "" {
		part := make([]byte, 512)
		n, err := stdout.Read(part)
		if banner = append(banner, part[:n]...); err != nil {
			t.Fatalf("it ends with %v after %s", err, banner)
		}
		if found := pageURL.FindSubmatch(banner); found != nil {
			p.url = string(found[1])
		}
	}
	return p
}

func (p *process) ask(t *testing.T, path string) {
	t.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	if response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, response.Status)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}
