//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package broker

import "os"

// lockFile does nothing: without flock, that one process uses a folder is the operator's to see to.
func lockFile(*os.File) error { return nil }
