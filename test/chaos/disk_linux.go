package chaos

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// apart is set in the environment of a test that has its mounts to itself.
const apart = "USHER_CHAOS_APART"

// rerun runs the test again with mounts of its own, which end with it however it ends, and returns
// its exit status; ok is false if the system does not allow that.
func rerun() (status int, ok bool) {
	if os.Getenv(apart) != "" {
		return 0, false
	}
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), apart+"=yes")
	cmd.SysProcAttr = dieWithParent()
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 0, false
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), true
}

// mountSmall makes a folder a disk of its own, which is small enough to be filled.
func mountSmall(folder string) error {
	if os.Getenv(apart) == "" {
		return errors.New("the test has no mounts of its own")
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Mount("usher-chaos", folder, "tmpfs", 0, "size=192m")
}

func unmount(folder string) { _ = syscall.Unmount(folder, syscall.MNT_DETACH) }
