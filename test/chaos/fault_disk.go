package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// smallDisk is the node whose data folder is a disk that can be filled. The others' disks are the
// machine's, so that what a majority has acknowledged has waited for a real one.
const smallDisk = nodes - 1

// aimSmallDisk is the node with the small disk.
func aimSmallDisk(*campaign, []int) []int { return []int{smallDisk} }

// fillDisk leaves a node no room for a while. Then its operator makes room and restarts it, as
// docs/cluster.md says.
func fillDisk(ctx context.Context, c *campaign, victims []int, _ func()) error {
	for _, i := range victims {
		ballast := filepath.Join(c.cluster.nodes[i].folder, "ballast")
		if err := fill(ballast); err != nil {
			return err
		}
		defer os.Remove(ballast)
	}
	pause(ctx, between(c.random, 3*time.Second, 9*time.Second))
	for _, i := range victims {
		if err := os.Remove(filepath.Join(c.cluster.nodes[i].folder, "ballast")); err != nil {
			return err
		}
	}
	c.cluster.end(syscall.SIGTERM, victims...)
	return c.cluster.start(victims...)
}

// fill writes a file until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 16 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("filling the disk: %w", err)
		}
	}
	return nil
}
