package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// edit is one change to a source file, of which a program is built that no one ships. The text
// must be in the file exactly once; if old is "", text is a new file.
type edit struct{ file, old, text string }

// build makes usher in the folder, with edits that only the compiler sees, and returns its path.
func build(ctx context.Context, folder, name string, edits ...edit) (string, error) {
	module, err := goList(ctx, "-m", "-f", "{{.Dir}}")
	if err != nil {
		return "", err
	}
	root, err := goTool(ctx, "env", "GOROOT")
	if err != nil {
		return "", err
	}
	changed := map[string]string{} // the original's path → its text
	for _, e := range edits {
		path := filepath.Join(module, e.file)
		if source, ok := strings.CutPrefix(e.file, "GOROOT/"); ok {
			path = filepath.Join(root, "src", source)
		}
		text, ok := changed[path]
		if !ok && e.old != "" {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			text = string(b)
		}
		if e.old != "" && strings.Count(text, e.old) != 1 {
			return "", fmt.Errorf("%s has the text to change %d times: %q", e.file, strings.Count(text, e.old), e.old)
		}
		if e.old == "" {
			changed[path] = e.text
		} else {
			changed[path] = strings.Replace(text, e.old, e.text, 1)
		}
	}
	overlay, err := overlaid(filepath.Join(folder, name+".overlay"), changed)
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, name)
	_, err = goTool(ctx, "build", "-buildvcs=false", "-overlay", overlay, "-o", program, "usher/cmd/usher")
	return program, err
}

// overlaid writes the texts and the file that tells the compiler of them.
func overlaid(folder string, changed map[string]string) (file string, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for path, text := range changed {
		copied := filepath.Join(folder, fmt.Sprintf("%d.go", len(overlay.Replace)))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[path] = copied
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file = filepath.Join(folder, "overlay.json")
	return file, os.WriteFile(file, b, 0o600)
}

func goList(ctx context.Context, args ...string) (string, error) {
	return goTool(ctx, append([]string{"list"}, args...)...)
}

func goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var said, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return strings.TrimSpace(said.String()), nil
}
