package server

import "testing"

func TestAvailableMemoryIsTheLeastOfMachineAndGroups(t *testing.T) {
	const gib = 1 << 30
	machine := "MemTotal:        8388608 kB\nMemFree:  1 kB\n" // 8 GiB
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing is known", nil, 0},
		{"no groups", map[string]string{"/proc/meminfo": machine}, 8 * gib},
		{"no limit", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"}, 8 * gib},
		{"a container's own group", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "1073741824\n"}, gib},
		{"a unit", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "0::/system.slice/usher.service\n",
			"/sys/fs/cgroup/system.slice/usher.service/memory.max": "2147483648\n"}, 2 * gib},
		{"a slice above it", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "0::/system.slice/usher.service\n",
			"/sys/fs/cgroup/system.slice/usher.service/memory.max": "max\n", "/sys/fs/cgroup/system.slice/memory.max": "1073741824\n"}, gib},
		{"more than the machine has", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "99999999999\n"}, 8 * gib},
		{"version 1", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "9:cpu:/x\n8:memory:/docker/abc\n0::/\n",
			"/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "3221225472\n"}, 3 * gib},
		{"version 1 in a container", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "8:memory:/docker/abc\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n"}, gib},
		{"version 1 without a limit", map[string]string{"/proc/meminfo": machine, "/proc/self/cgroup": "8:memory:/\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8 * gib},
		{"broken files", map[string]string{"/proc/meminfo": "MemTotal: many kB\n", "/proc/self/cgroup": "x", "/sys/fs/cgroup/memory.max": ""}, 0},
	} {
		if got := availableIn(func(name string) string { return test.files[name] }); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	if availableMemory() < 1<<20 {
		t.Errorf("this machine has %d bytes", availableMemory())
	}
}
