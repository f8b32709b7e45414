// Release builds everything that a release of usher consists of, with one command:
//
//	go -C release run .
//
// It writes into dist, at the root of the repository: an archive and a bill of materials
// (CycloneDX) for each platform, deb and rpm packages, an OCI image, and SHA256SUMS over all of
// them. The same commit gives the same bytes. The version is that of the commit's tag, as the go
// command stamps it.
//
// It is a module of its own because the libraries that write packages and images are many, and no
// server needs them.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		var advice *hinted
		if errors.As(err, &advice) {
			fmt.Fprintf(os.Stderr, "hint: %s\n", advice.hint)
		}
		os.Exit(1)
	}
}

// hinted is an error with advice for the person at the command line.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// options are what a release is made of, and where it goes.
type options struct {
	root, out string
	targets   []target
	commit    string
	// maintainer is in the packages.
	maintainer string
	// push is a registry and a name to push the image to, "" for none.
	push string
}

// nobody is the maintainer of packages that are not published.
const nobody = "Unknown <unknown@localhost>"

func run(args []string) error {
	flags := flag.NewFlagSet("release", flag.ExitOnError)
	o := options{root: ".."}
	flags.StringVar(&o.out, "out", "../dist", "write into this `FOLDER`, which is emptied first")
	only := flags.String("targets", "", "build only these, as `linux/amd64,windows/arm64`")
	modified := flags.Bool("modified", false, "build although files have changed since the commit, with these changes")
	flags.StringVar(&o.maintainer, "maintainer", nobody, "who answers for the packages, as `'NAME <ADDRESS>'`")
	flags.StringVar(&o.push, "push", "", "push the image, as `REGISTRY/NAME`; the tag is the version")
	_ = flags.Parse(args) // exits
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %s", flags.Arg(0))
	}
	var err error
	if o.targets, err = chooseTargets(*only); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if o.commit, err = commitOf(ctx, o.root, *modified); err != nil {
		return err
	}
	return o.release(ctx)
}

func chooseTargets(only string) (chosen []target, err error) {
	if only == "" {
		return targets, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(targets, func(t target) bool { return t.String() == name })
		if at < 0 {
			return nil, &hinted{fmt.Errorf("%s: no such target", name), "targets are " + fmt.Sprint(targets)}
		}
		chosen = append(chosen, targets[at])
	}
	return chosen, nil
}

// release writes all files of the release.
func (o *options) release(ctx context.Context) (err error) {
	work, err := os.MkdirTemp("", "usher-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.RemoveAll(o.out); err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	source, err := checkOut(ctx, o.root, work, o.commit)
	if err != nil {
		return err
	}
	var builds []*build
	for _, target := range o.targets {
		fmt.Println(target)
		b, err := buildTarget(ctx, source, work, target)
		if err != nil {
			return err
		}
		builds = append(builds, b)
	}
	documents, err := writeDocuments(ctx, source, work)
	if err != nil {
		return err
	}
	for _, b := range builds {
		if err := o.writeTarget(source, b, documents); err != nil {
			return fmt.Errorf("%s: %w", b.target, err)
		}
	}
	if err := o.writeImage(ctx, builds); err != nil {
		return err
	}
	return writeSums(o.out)
}

// writeTarget writes all files of one target but for its part of the image.
func (o *options) writeTarget(source string, b *build, d *documents) error {
	licenses, err := licensesOf(b)
	if err != nil {
		return err
	}
	if err := writeArchive(o.out, b, d, licenses); err != nil {
		return err
	}
	if err := writeBill(filepath.Join(o.out, b.name()+".cdx.json"), b); err != nil {
		return err
	}
	if b.target.os != "linux" {
		return nil
	}
	for _, format := range []string{"deb", "rpm"} {
		if err := writePackage(o.out, filepath.Join(source, "deploy/package", format), o.maintainer, b, d, licenses, format); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// name is the beginning of the names of a target's files.
func (b *build) name() string {
	return fmt.Sprintf("usher_%s_%s_%s", b.version, b.target.os, cmp.Or(b.target.variantName(), b.target.arch))
}
