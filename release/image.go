package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// imageUser is nobody in particular, and not root.
const imageUser = 65532

// writeImage writes the image of all Linux targets as one archive of an OCI layout, which docker
// load, podman load and skopeo take; and pushes it if that was asked for.
func (o *options) writeImage(ctx context.Context, builds []*build) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var first *build
	for _, b := range builds {
		if b.target.os != "linux" {
			continue
		}
		image, err := imageOf(b)
		if err != nil {
			return fmt.Errorf("%s: image: %w", b.target, err)
		}
		platform := &v1.Platform{OS: b.target.os, Architecture: b.target.arch}
		if b.target.arm != "" {
			platform.Variant = "v" + b.target.arm
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
		first = b
	}
	if first == nil {
		return nil
	}
	index = mutate.Annotations(index, labels(first)).(v1.ImageIndex)
	if err := writeLayout(filepath.Join(o.out, "usher_"+first.version+"_oci.tar"), index, first); err != nil {
		return err
	}
	if o.push == "" {
		return nil
	}
	return push(ctx, o.push+":"+tag(first.version), index)
}

// tag is a version as a tag, which may not have a plus sign.
func tag(version string) string {
	return string(bytes.ReplaceAll([]byte(version), []byte("+"), []byte("-")))
}

func push(ctx context.Context, to string, index v1.ImageIndex) error {
	reference, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	if err := remote.WriteIndex(reference, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("pushing %s: %w", to, err)
	}
	fmt.Println("pushed", reference)
	return nil
}

func labels(b *build) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "usher",
		"org.opencontainers.image.description": "A WebRTC signaling and room server",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     b.version,
		"org.opencontainers.image.revision":    b.commit,
		"org.opencontainers.image.created":     b.time.UTC().Format(time.RFC3339),
	}
}

// imageOf is an image with usher and what it reads, and nothing else: no shell, no libraries.
func imageOf(b *build) (v1.Image, error) {
	program, err := os.ReadFile(b.path)
	if err != nil {
		return nil, err
	}
	base, err := layerOf(b, baseFiles())
	if err != nil {
		return nil, err
	}
	top, err := layerOf(b, []imageFile{{path: "usr/"}, {path: "usr/bin/"}, {path: "usr/bin/usher", mode: 0o755, text: program}})
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	history := func(what string) v1.History {
		return v1.History{Created: v1.Time{Time: b.time}, CreatedBy: what}
	}
	image, err = mutate.Append(image,
		mutate.Addendum{Layer: base, MediaType: types.OCILayer, History: history("certificates, users, folders")},
		mutate.Addendum{Layer: top, MediaType: types.OCILayer, History: history("usher " + b.version)})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = b.target.os, b.target.arch, v1.Time{Time: b.time}
	if b.target.arm != "" {
		file.Variant = "v" + b.target.arm
	}
	file.Config = imageConfig(b)
	return mutate.ConfigFile(image, file)
}

func imageConfig(b *build) v1.Config {
	return v1.Config{
		User:         fmt.Sprintf("%d:%d", imageUser, imageUser),
		Entrypoint:   []string{"/usr/bin/usher"},
		Env:          []string{"PATH=/usr/bin", "USHER_LISTEN=:8787", "USHER_DATA=/var/lib/usher"},
		WorkingDir:   "/var/lib/usher",
		ExposedPorts: map[string]struct{}{"8787/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/usher": {}},
		StopSignal:   "SIGTERM",
		Labels:       labels(b),
		Healthcheck: &v1.HealthConfig{
			Test:     []string{"CMD", "/usr/bin/usher", "health"},
			Interval: 30 * time.Second, Timeout: 6 * time.Second, StartPeriod: 10 * time.Second, Retries: 3,
		},
	}
}

// baseFiles are what usher reads: the certificates of authorities, as Go's own team keeps them, and
// the name of its user; and where it writes.
func baseFiles() []imageFile {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // it is trusted only for certificates of some time, which a file cannot say
		}
		// a buffer takes everything
		_ = pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return []imageFile{
		{path: "etc/"},
		{path: "etc/group", text: []byte(fmt.Sprintf("root:x:0:\nusher:x:%d:\n", imageUser))},
		{path: "etc/passwd", text: []byte(fmt.Sprintf("root:x:0:0::/:/none\nusher:x:%d:%d::/var/lib/usher:/none\n", imageUser, imageUser))},
		{path: "etc/ssl/"},
		{path: "etc/ssl/certs/"},
		{path: "etc/ssl/certs/ca-certificates.crt", text: roots.Bytes()},
		{path: "tmp/", mode: 0o1777},
		{path: "var/"},
		{path: "var/lib/"},
		{path: "var/lib/usher/", mode: 0o700, owner: imageUser},
	}
}

func layerOf(b *build, all []imageFile) (v1.Layer, error) {
	data, err := imageTar(all, b.time)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer))
}

// writeLayout writes an archive of an OCI layout, its blobs in a fixed order.
func writeLayout(path string, index v1.ImageIndex, b *build) error {
	folder, err := os.MkdirTemp(filepath.Dir(filepath.Dir(b.path)), "oci-")
	if err != nil {
		return err
	}
	to, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	// docker load and podman load take the image's name from these.
	named := map[string]string{"org.opencontainers.image.ref.name": tag(b.version), "io.containerd.image.name": "docker.io/library/usher:" + tag(b.version)}
	if err := to.AppendIndex(index, layout.WithAnnotations(named)); err != nil {
		return err
	}
	all, err := readFolder(folder)
	if err != nil {
		return err
	}
	data, err := imageTar(all, b.time)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
