package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completions are what each shell must offer for a line of which the last word is to be completed.
var completions = []struct {
	line string
	want []string // among what is offered
	not  string
}{
	{"usher ", []string{"serve", "completion"}, "complete"},
	{"usher clu", []string{"cluster"}, "serve"},
	{"usher cluster ", []string{"status", "drain"}, "serve"},
	{"usher serve --seat", []string{"--seat-grace="}, "--data="},
	{"usher serve --log-level ", []string{"debug", "warn"}, "serve"},
	{"usher serve --log-level=w", []string{"--log-level=warn"}, "--log-level=debug"},
	{"usher serve --config ", []string{"a file.yaml", "folder"}, "serve"},
	{"usher rooms --data ", []string{"folder"}, "a file.yaml"},
}

// TestShellsComplete asks the shells themselves, by their own means.
func TestShellsComplete(t *testing.T) {
	folder := release(t).unpack(t)
	place := t.TempDir() // files to be offered
	if err := os.WriteFile(filepath.Join(place, "a file.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(place, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, offered := range map[string]func(t *testing.T, folder, line string) *exec.Cmd{
		"bash": bashOffers, "zsh": zshOffers, "fish": fishOffers,
	} {
		t.Run(name, func(t *testing.T) {
			needs(t, name)
			for _, test := range completions {
				command := offered(t, filepath.Join(folder, "completion"), test.line)
				command.Dir = place
				command.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "HOME="+place, "XDG_CONFIG_HOME="+place+"/.config", "XDG_DATA_HOME="+place+"/.data")
				got := strings.Split(strings.ReplaceAll(output(t, command), `\ `, " "), "\n")
				for i := range got {
					got[i] = strings.TrimSuffix(strings.TrimSpace(got[i]), "/")
				}
				for _, want := range test.want {
					// Bash keeps what is before = on the line.
					_, after, _ := strings.Cut(want, "=")
					if !slices.Contains(got, want) && !(name == "bash" && after != "" && slices.Contains(got, after)) {
						t.Errorf("%q: %q is not among %q", test.line, want, got)
					}
				}
				if slices.Contains(got, test.not) {
					t.Errorf("%q: %q is among %q", test.line, test.not, got)
				}
			}
		})
	}
}

func bashOffers(t *testing.T, scripts, line string) *exec.Cmd {
	return exec.Command("bash", "--norc", "-c", `
		source "$1/usher.bash"
		COMP_LINE=$2 COMP_POINT=${#2}
		_usher
		printf '%s\n' "${COMPREPLY[@]}"`, "test", scripts, line)
}

// zshOffers has a zsh in a terminal of its own complete the line, and takes what compadd gets.
func zshOffers(t *testing.T, scripts, line string) *exec.Cmd {
	offers, err := filepath.Abs("testdata/offers.zsh")
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command("zsh", "-f", offers, scripts, line)
}

func fishOffers(t *testing.T, scripts, line string) *exec.Cmd {
	return exec.Command("fish", "--no-config", "-c", `
		source $argv[1]/usher.fish
		complete --do-complete $argv[2] | string replace -r '\t.*' ''
		true`, scripts, line)
}

// TestManReadsThePages: two readers of manual pages, neither of which complains.
func TestManReadsThePages(t *testing.T) {
	folder := filepath.Join(release(t).unpack(t), "man")
	for _, page := range []string{"usher.1", "usher.yaml.5"} {
		path := filepath.Join(folder, page)
		t.Run("mandoc "+page, func(t *testing.T) {
			needs(t, "mandoc")
			if out := output(t, exec.Command("mandoc", "-T", "lint", "-W", "style", path)); out != "" {
				t.Errorf("it says\n%s", out)
			}
		})
		t.Run("man "+page, func(t *testing.T) {
			needs(t, "man")
			command := exec.Command("man", "--warnings=w", "-E", "UTF-8", "-l", path)
			command.Env = append(os.Environ(), "MANWIDTH=80", "MANROFFOPT=")
			var complaints strings.Builder
			command.Stderr = &complaints
			out, err := command.Output()
			if err != nil || complaints.Len() > 0 {
				t.Errorf("it says %v\n%s", err, complaints.String())
			}
			if text := string(out); !strings.Contains(text, "NAME") || !strings.Contains(text, "EXAMPLES") {
				t.Errorf("it shows\n%s", text)
			}
		})
	}
}
