package main

import (
	"archive/tar"
	"bytes"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// untar writes an archive's files below a folder. As root it gives them their owners.
func untar(t *testing.T, archive io.Reader, folder string) {
	t.Helper()
	for all := tar.NewReader(archive); ; {
		header, err := all.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var data []byte
			if data, err = io.ReadAll(all); err == nil {
				err = os.WriteFile(path, data, 0o644)
			}
		}
		if err == nil {
			err = os.Chmod(path, header.FileInfo().Mode())
		}
		if err == nil && os.Getuid() == 0 {
			err = os.Chown(path, header.Uid, header.Gid)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// index reads the image index from the archive of the release.
func (o *options) index(t *testing.T) v1.ImageIndex {
	t.Helper()
	archive, err := os.Open(o.file(t, "*_oci.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	folder := t.TempDir()
	untar(t, archive, folder)
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("the layout has %v, %v", manifest, err)
	}
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// image is the one of this machine.
func (o *options) image(t *testing.T) v1.Image {
	t.Helper()
	index := o.index(t)
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("the index has %v, %v", manifest, err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestTheImageIsValid(t *testing.T) {
	o := release(t)
	if err := validate.Index(o.index(t)); err != nil {
		t.Error(err)
	}
	file, err := o.image(t).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := file.Config
	if config.User != "65532:65532" || config.Labels["org.opencontainers.image.revision"] != o.commit || config.Healthcheck == nil || file.OS != "linux" {
		t.Errorf("its configuration is %+v", config)
	}
	if _, ok := config.ExposedPorts["8787/tcp"]; !ok || !slices.Contains(config.Env, "USHER_LISTEN=:8787") {
		t.Errorf("it listens on %v with %v", config.ExposedPorts, config.Env)
	}
}

func TestTheImageIsPushed(t *testing.T) {
	web := httptest.NewServer(registry.New())
	defer web.Close()
	to := strings.TrimPrefix(web.URL, "http://") + "/usher:" + tag("1.0.0+dirty")
	index := release(t).index(t)
	if err := push(background, to, index); err != nil {
		t.Fatal(err)
	}
	reference, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(reference)
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := index.Digest()
	if got, err := pulled.Digest(); err != nil || got != sent {
		t.Errorf("pushed %s and pulled %s, %v", sent, got, err)
	}
}

// TestTheImageRuns starts it as a container engine does: its own root, which cannot be written to,
// its own user, and a volume.
func TestTheImageRuns(t *testing.T) {
	needs(t, "root", "unshare", "ip")
	image := release(t).image(t)
	root := t.TempDir()
	files := mutate.Extract(image)
	untar(t, files, root)
	files.Close()
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o755); err != nil { // engines make it
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("unshare", "--kill-child", "-m", "-p", "-f", "-n", "bash", filepath.Join(testdata, "image.sh"), root)
	command.Env = append(slices.Clone(file.Config.Env), "ENGINE_PATH="+os.Getenv("PATH"))
	out := output(t, command)
	if !strings.Contains(out, "\npassed\n") {
		t.Errorf("it printed\n%s", out)
	}
	t.Log(out)
}

// TestTheImageKnowsAuthorities: without certificates neither ACME nor a NATS with TLS is reached.
func TestTheImageKnowsAuthorities(t *testing.T) {
	var bundle []byte
	for _, file := range baseFiles() {
		if file.path == "etc/ssl/certs/ca-certificates.crt" {
			bundle = file.text
		}
	}
	if n := bytes.Count(bundle, []byte("BEGIN CERTIFICATE")); n < 50 {
		t.Errorf("it has %d certificates", n)
	}
}
