package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// commitOf returns the commit to release. With modified, changes to its files are part of it, as a
// commit that no branch has.
func commitOf(ctx context.Context, root string, modified bool) (string, error) {
	changed, err := git(ctx, root, "stash", "create")
	switch {
	case err != nil:
		return "", err
	case changed == "":
		return git(ctx, root, "rev-parse", "HEAD")
	case !modified:
		return "", &hinted{errors.New("files have changed since the commit"), "commit them, or try it out with -modified"}
	}
	return changed, nil
}

// checkOut makes a clone with the files of a commit only, so that nothing else gets into a release.
// The go command would also not stamp a program that is built in a git worktree.
func checkOut(ctx context.Context, root, work, commit string) (folder string, err error) {
	folder = filepath.Join(work, "source")
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	if _, err = git(ctx, work, "clone", "--quiet", "--shared", "--no-checkout", root, folder); err != nil {
		return "", err
	}
	_, err = git(ctx, folder, "checkout", "--quiet", "--detach", commit)
	return folder, err
}

func git(ctx context.Context, folder string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = folder
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, bytes.TrimSpace(complaints.Bytes()))
	}
	return string(bytes.TrimSpace(out)), nil
}
