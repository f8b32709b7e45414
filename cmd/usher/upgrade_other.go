//go:build !linux

package main

import "os"

// upgradeSignals are none: descriptors are handed over on Linux only.
var upgradeSignals []os.Signal
