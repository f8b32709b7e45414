//go:build !linux

package main

import "errors"

func holderOf(string) (pid int, err error) { return 0, errors.ErrUnsupported }
func askToUpgrade(int) error               { return errors.ErrUnsupported }
func knowsUpgrades(int) bool               { return false }
func isRunning(int) bool                   { return false }
