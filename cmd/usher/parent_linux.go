package main

import "syscall"

// dieWithParent lets no node outlive the demo that was itself killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
