//go:build !linux

package server

import (
	"context"
	"errors"
	"os/exec"
)

// Upgrade exists on Linux only.
func (*Server) Upgrade(context.Context, *exec.Cmd, func(pid int)) error { return errors.ErrUnsupported }

// TakeOver returns nil: nothing is handed over but on Linux.
func TakeOver(Config) (*Server, <-chan struct{}, error) { return nil, nil, nil }
