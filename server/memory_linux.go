package server

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// availableMemory returns the most bytes that this process may have: those of the machine, or fewer
// if its control groups say so. 0 if that is unknown.
func availableMemory() int64 {
	return availableIn(func(name string) string {
		text, _ := os.ReadFile(name)
		return string(text)
	})
}

// availableIn is availableMemory for the files that read returns, "" for one that does not exist.
func availableIn(read func(name string) string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(read("/proc/meminfo")) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				least = n << 10
			}
		}
	}
	limit := func(name string) {
		// If there is no limit the file has "max", or a number that means it.
		if n, err := strconv.ParseInt(strings.TrimSpace(read(name)), 10, 64); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	for line := range strings.Lines(read("/proc/self/cgroup")) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch { // cgroups(7)
		case id == "0" && controllers == "":
			for ; ; group = path.Dir(group) {
				limit(path.Join("/sys/fs/cgroup", group, "memory.max"))
				if group == "/" || group == "." {
					break
				}
			}
		case controllers == "memory":
			limit(path.Join("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
			limit("/sys/fs/cgroup/memory/memory.limit_in_bytes") // how a container sees its own
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}
