//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func beNice() {}

func peakMemory(int) (int64, error) { return 0, errors.New("memory is measured on Linux only") }

func cpuTime(int) time.Duration { return 0 }
