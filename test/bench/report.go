package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// row is one line of the report. Target and verdict are empty if nothing is promised.
type row struct{ what, measured, target, verdict string }

func verdictOf(held bool) string {
	if held {
		return "held"
	}
	return "**missed**"
}

func median(v []float64) float64               { return percentile(v, 50) }
func least(v []float64) float64                { return slices.Min(v) }
func greatest(v []float64) float64             { return slices.Max(v) }
func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

// percentile interpolates between the two nearest; 0 of no values.
func percentile[T float64 | time.Duration | int64](values []T, percent float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := percent / 100 * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + T((at-float64(low))*float64(sorted[high]-sorted[low]))
}

func inMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// milliseconds shows the median and the 99th percentile.
func milliseconds(v []time.Duration) string {
	return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", inMs(percentile(v, 50)), inMs(percentile(v, 99)))
}

// writeReport prints the rows as markdown for docs/performance.md.
func writeReport(w io.Writer, rows []row, about []string) {
	fmt.Fprint(w, "\n| what | measured | target | |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.what, r.measured, r.target, r.verdict)
	}
	fmt.Fprintln(w)
	for _, line := range about {
		fmt.Fprintf(w, "- %s\n", line)
	}
}

// about describes what was measured with what, on what and when.
func (w *workshop) about(date string) []string {
	return []string{
		fmt.Sprintf("`go -C test/bench run . %s`, %s", strings.Join(os.Args[1:], " "), date),
		w.aboutGenerator(),
		"server under test: " + w.aboutTested(),
		fmt.Sprintf("%s, %d cores shared by server and generator, Linux %s", cpuModel(), runtime.NumCPU(), kernel()),
		"data on " + w.aboutDisk(),
	}
}

func (w *workshop) aboutGenerator() string {
	if w.tools != nil {
		return "generator: " + runtime.Version()
	}
	return fmt.Sprintf("generator and bare relays: %s, nbio %s, %s", runtime.Version(), moduleVersion(ownBuild(), "github.com/lesismal/nbio"), w.aboutPollers())
}

// aboutPollers matters to the relay's ratio: on two cores, a second poller
// costs a bare relay about a third more CPU for each message.
func (w *workshop) aboutPollers() string {
	if w.pollers == 0 {
		return fmt.Sprintf("%d poller in each bare relay", max(1, runtime.NumCPU()/4))
	}
	return fmt.Sprintf("%d pollers in each bare relay", w.pollers)
}

func ownBuild() *debug.BuildInfo {
	info, _ := debug.ReadBuildInfo()
	return info
}

func (w *workshop) aboutTested() string {
	if w.tools != nil {
		return w.aboutWorkerd()
	}
	if w.tested() != kindUsher {
		return w.program + ", in place of usher"
	}
	info, err := buildinfo.ReadFile(w.program)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("usher %s, %s", info.Main.Version, info.GoVersion)
	if len(w.extra) > 0 {
		text += ", with " + strings.Join(w.extra, " ")
	}
	return text
}

func moduleVersion(info *debug.BuildInfo, path string) string {
	if info != nil {
		for _, dependency := range info.Deps {
			if dependency.Path == path {
				return dependency.Version
			}
		}
	}
	return "unknown"
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var name unix.Utsname
	unix.Uname(&name)
	return unix.ByteSliceToString(name.Release[:])
}

// aboutDisk names the file system and what it costs to make 4 KiB durable,
// without which a rate of durable joins means nothing.
func (w *workshop) aboutDisk() string {
	sync, err := syncLatencies(w.ctx, w.folder)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s, 4 KiB and fdatasync: %s", fileSystem(w.folder), milliseconds(sync))
}

func fileSystem(folder string) string {
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.TMPFS_MAGIC: "tmpfs (in RAM: nothing there is durable)",
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return err.Error()
	}
	if name, ok := names[int64(stat.Type)]; ok {
		return name
	}
	return fmt.Sprintf("file system %#x", stat.Type)
}

func syncLatencies(ctx context.Context, folder string) ([]time.Duration, error) {
	const writes = 100
	file, err := os.Create(filepath.Join(folder, "sync"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	latencies := make([]time.Duration, 0, writes)
	page := make([]byte, 4<<10)
	for len(latencies) < writes && ctx.Err() == nil {
		start := time.Now()
		if _, err := file.Write(page); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, nil
}

// progress is for the person who waits; only the report goes to standard output.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format, args...) }
