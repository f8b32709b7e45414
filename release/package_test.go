package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// packed is the folder of packages, once they are made.
var packed string

// packages returns a folder with old and new packages: of this release, and of one later, which
// also ships other settings.
func packages(t *testing.T) string {
	t.Helper()
	if packed != "" {
		return packed
	}
	o := release(t)
	given, err := os.MkdirTemp("", "usher-packed-")
	if err != nil {
		t.Fatal(err)
	}
	folders = append(folders, given)
	folder := o.unpack(t)
	d := new(documents)
	for _, file := range append(contents("deb"), contents("rpm")...) {
		from := filepath.Join(folder, file.document)
		switch file.document {
		case "LICENSES.txt":
			continue
		case "copyright":
			from = "../deploy/package/deb/copyright"
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file.document, "usher.yaml") {
			text = append(text, "\n# A later release says more here.\n"...)
		}
		d.linux = append(d.linux, document{file.document, text})
	}
	later := &build{target: o.targets[0], path: filepath.Join(folder, "usher"), version: "99.1.0", time: time.Unix(1_800_000_000, 0)}
	for _, format := range []string{"deb", "rpm"} {
		if err := os.Link(o.file(t, "*."+format), filepath.Join(given, "old."+format)); err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		if err := writePackage(out, filepath.Join("..", "deploy/package", format), nobody, later, d, []byte("licenses\n"), format); err != nil {
			t.Fatal(err)
		}
		made, err := filepath.Glob(filepath.Join(out, "*"))
		if err != nil || len(made) != 1 {
			t.Fatal(made, err)
		}
		if err := os.Rename(made[0], filepath.Join(given, "new."+format)); err != nil {
			t.Fatal(err)
		}
	}
	packed = given
	return packed
}

// inRoot runs a script of testdata in namespaces of its own, where it may change everything.
func inRoot(t *testing.T, script string, args ...string) string {
	t.Helper()
	needs(t, "root", "unshare")
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{
		"--kill-child", "-m", "-p", "-f", "-C", "-u", "-i", "-n",
		"bash", filepath.Join(testdata, script), t.TempDir(), packages(t), testdata,
	}, args...)
	return output(t, exec.Command("unshare", all...))
}

func TestTheDebIsInstalledUpgradedAndPurged(t *testing.T) {
	needs(t, "dpkg", "systemctl", "systemd-sysusers", "deb-systemd-helper", "man")
	t.Log(inRoot(t, "deb.sh", "99.1.0-1"))
}

func TestTheRPMIsInstalledUpgradedAndErased(t *testing.T) {
	needs(t, "rpm", "systemd-sysusers")
	t.Log(inRoot(t, "rpm.sh", "99.1.0"))
}

// TestSystemdRunsTheUnit boots the real systemd with the real sandbox.
func TestSystemdRunsTheUnit(t *testing.T) {
	needs(t, "dpkg", "systemctl", "ip")
	out := inRoot(t, "systemd.sh")
	if !strings.Contains(out, "\npassed\n") {
		t.Errorf("it printed\n%s", out)
	}
	t.Log(out)
}

// TestTheUnitsAreSound: systemd knows every line, and the service may do little.
func TestTheUnitsAreSound(t *testing.T) {
	needs(t, "systemd-analyze")
	folder := release(t).unpack(t)
	service, err := os.ReadFile(filepath.Join(folder, "systemd/usher.service"))
	if err != nil {
		t.Fatal(err)
	}
	// It looks for the program, which is not installed here.
	service = []byte(strings.ReplaceAll(string(service), "/usr/bin/usher", filepath.Join(folder, "usher")))
	units := t.TempDir()
	if err := os.WriteFile(filepath.Join(units, "usher.service"), service, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(folder, "systemd/usher.socket"), filepath.Join(units, "usher.socket")); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(units, "usher.service"), filepath.Join(units, "usher.socket"))
	if out := output(t, command); out != "" {
		t.Errorf("it says\n%s", out)
	}
	// The threshold is ten times what it prints: 2.0.
	output(t, exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", filepath.Join(units, "usher.service")))
}
