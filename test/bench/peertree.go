package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// treeCPU is the CPU time of a process and of the processes that it has started, ended ones that it
// has waited for too.
func treeCPU(pid int) (time.Duration, error) {
	total, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range children(pid) {
		if of, err := treeCPU(child); err == nil {
			total += of
		}
	}
	return total + waitedFor(pid), nil
}

// treeResident is the memory of a process and of those that it has started.
func treeResident(pid int) (int64, error) {
	r, err := resident(pid)
	if err != nil {
		return 0, err
	}
	total := r.RSS
	for _, child := range children(pid) {
		if of, err := treeResident(child); err == nil {
			total += of
		}
	}
	return total, nil
}

// children are the processes that the threads of a process have started
// (proc_pid_task_children(5)).
func children(pid int) (pids []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// waitedFor is cutime + cstime of a /proc/PID/stat.
func waitedFor(pid int) time.Duration {
	const cutime, cstime = 16 - 3, 17 - 3
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) <= cstime {
		return 0
	}
	user, _ := strconv.ParseInt(fields[cutime], 10, 64)
	system, _ := strconv.ParseInt(fields[cstime], 10, 64)
	return time.Duration(user+system) * clockTick
}
