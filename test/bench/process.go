package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Readings of another process, taken from outside so that it pays nothing for them.

// clockTick is the unit of utime and stime; USER_HZ is 100 on every Linux that Go runs on.
const clockTick = time.Second / 100

// cpuTime returns the user and system time that a process has used in all its
// threads, ended ones too. The process's CPU clock counts nanoseconds of the
// scheduler, where utime and stime step by 10 ms; /proc/PID/schedstat would
// be as fine but knows only one thread.
func cpuTime(pid int) (time.Duration, error) {
	// The id of a process's CPU clock, as clock_getcpuclockid(3) makes it.
	const schedClock = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|schedClock, &ts); err == nil {
		return time.Duration(ts.Nano()), nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStatCPU(stat)
}

// parseStatCPU returns utime + stime of a /proc/PID/stat (proc_pid_stat(5)).
func parseStatCPU(stat []byte) (time.Duration, error) {
	// The second field is the command's name in parentheses and may itself
	// have spaces and parentheses; fields are counted from its end.
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	const utime, stime = 14 - 3, 15 - 3
	if end < 0 || len(fields) <= stime {
		return 0, fmt.Errorf("stat has %d fields after the name", len(fields))
	}
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// residentBytes is how much memory of a process is in RAM. Anon is its heap and stacks; File
// is mapped files: the program itself, and a database that is read by mmap.
type residentBytes struct{ RSS, Anon, File int64 }

func (r residentBytes) String() string {
	return fmt.Sprintf("%s (anonymous %s, files %s)", mebibytes(r.RSS), mebibytes(r.Anon), mebibytes(r.File))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func resident(pid int) (residentBytes, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return residentBytes{}, err
	}
	return parseStatusRSS(string(status))
}

// parseStatusRSS reads the Rss lines of a /proc/PID/status (proc_pid_status(5)).
func parseStatusRSS(status string) (r residentBytes, err error) {
	found := 0
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		var into *int64
		switch name {
		case "VmRSS":
			into = &r.RSS
		case "RssAnon":
			into = &r.Anon
		case "RssFile":
			into = &r.File
		default:
			continue
		}
		kibibytes, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseInt(kibibytes, 10, 64)
		if err != nil || !ok {
			return r, fmt.Errorf("status: %q", strings.TrimSpace(line))
		}
		*into = n << 10
		found++
	}
	if found != 3 {
		return r, fmt.Errorf("status has %d of the 3 Rss lines", found)
	}
	return r, nil
}
