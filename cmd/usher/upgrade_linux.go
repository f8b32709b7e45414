package main

import (
	"os"
	"syscall"
)

// upgradeSignals make a server start its program again, which takes over.
var upgradeSignals = []os.Signal{syscall.SIGUSR2}
