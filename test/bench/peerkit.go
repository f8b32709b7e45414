package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// kit installs and builds what the peers run, each once, and only what is measured.
type kit struct {
	w *workshop
	// npm installs the packages, and sets node and its folder; workers finds workerd.
	npm, workers     func() error
	node, nodeFolder string
	certificate, key string
}

func newKit(w *workshop) *kit {
	k := &kit{w: w}
	k.npm = sync.OnceValue(k.installNode)
	k.workers = sync.OnceValue(func() (err error) {
		if w.tools, err = findWorkerTools(w.repository); err != nil {
			return missing("%v", err)
		}
		return nil
	})
	return k
}

// peersFolder is the part of the bench with the peers' sources.
func (k *kit) peersFolder(name string) string {
	folder, err := filepath.Abs(filepath.Join(k.w.repository, "test/bench/peers", name))
	if err != nil {
		return name
	}
	return folder
}

// installNode installs the npm packages that the lock file pins, if it has changed.
func (k *kit) installNode() error {
	k.nodeFolder = k.peersFolder("node")
	// The repository's tree has a Node.js of its own, newer than many systems' one.
	own := filepath.Join(k.nodeFolder, "../../../../node_modules/.bin/node")
	var err error
	if k.node, err = filepath.EvalSymlinks(own); err != nil {
		if k.node, err = exec.LookPath("node"); err != nil {
			return missing("Node.js is not installed")
		}
	}
	lock, err := os.Stat(filepath.Join(k.nodeFolder, "package-lock.json"))
	if err != nil {
		return err
	}
	installed, err := os.Stat(filepath.Join(k.nodeFolder, "node_modules/.package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return missing("npm is not installed")
	}
	progress("peers: npm ci in %s\n", k.nodeFolder)
	command := exec.CommandContext(k.w.ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
	command.Dir = k.nodeFolder
	if output, err := command.CombinedOutput(); err != nil {
		return missing("npm ci: %v: %.300s", err, output)
	}
	return nil
}

// nodePackage is the version of an installed package.
func (k *kit) nodePackage(name string) string {
	var description struct{ Version string }
	text, err := os.ReadFile(filepath.Join(k.peersFolder("node"), "node_modules", name, "package.json"))
	if err != nil || json.Unmarshal(text, &description) != nil {
		return "unknown"
	}
	return description.Version
}

// nodeCommand runs one of peers/node/servers.
func (k *kit) nodeCommand(s *server, script string) (string, []string, []string, error) {
	environment := []string{"NODE_ENV=production", "HOST=" + s.address.Addr().String(), fmt.Sprintf("PORT=%d", s.address.Port())}
	return k.node, []string{filepath.Join(k.nodeFolder, "servers", script)}, append(environment, k.tlsEnvironment(s)...), nil
}

func (k *kit) tlsEnvironment(s *server) []string {
	if !s.secure {
		return nil
	}
	return []string{"TLS_CERT=" + k.certificate, "TLS_KEY=" + k.key}
}

// buildGo builds a program of the module in peers/go, or one that it pins.
func (k *kit) buildGo(path string) (program string, err error) {
	program = filepath.Join(k.w.folder, filepath.Base(strings.TrimSuffix(path, "/v6")))
	progress("peers: go build %s\n", path)
	command := exec.CommandContext(k.w.ctx, "go", "build", "-o", program, path)
	command.Dir = k.peersFolder("go")
	if output, err := command.CombinedOutput(); err != nil {
		return "", missing("go build %s: %v: %.300s", path, err, output)
	}
	return program, nil
}

// goModule is the version of a module that peers/go pins.
func (k *kit) goModule(path string) string {
	text, _ := os.ReadFile(filepath.Join(k.peersFolder("go"), "go.mod"))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) > 1 && fields[0] == path {
			return strings.TrimPrefix(fields[1], "v")
		}
	}
	return "unknown"
}

// certify makes the certificate that all servers with TLS have in a run.
func (k *kit) certify() error {
	if k.certificate != "" {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	k.certificate, k.key = filepath.Join(k.w.folder, "cert.pem"), filepath.Join(k.w.folder, "key.pem")
	if err := os.WriteFile(k.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(k.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600)
}

// commit names what was checked out.
func (k *kit) commit() string {
	hash, err := exec.CommandContext(k.w.ctx, "git", "-C", k.w.repository, "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "of this checkout"
	}
	return strings.TrimSpace(string(hash))
}

// start runs a server of a peer, with TLS or without.
func (k *kit) start(p peer, secure bool) (*server, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(k.w.folder, "server-")
	if err != nil {
		return nil, err
	}
	s := &server{kind: kind(p.about().Name), address: address, folder: folder, secure: secure}
	if err := k.launch(p, s); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(k.w.ctx, 30*time.Second)
	defer cancel()
	if err := s.awaitSocket(ctx); err != nil {
		err = fmt.Errorf("%s: %w\n%s", s.kind, err, s.logTail())
		s.stop()
		return nil, err
	}
	return s, nil
}

// launch runs the server's program, maybe again, and does not wait until it serves.
func (k *kit) launch(p peer, s *server) error {
	program, args, environment, err := p.command(k, s)
	if err != nil {
		return err
	}
	s.exited, s.environment = make(chan struct{}), environment
	return s.launch(program, args)
}

// awaitSocket waits until something listens on the server's address.
func (s *server) awaitSocket(ctx context.Context) error {
	for {
		conn, err := net.DialTimeout("tcp", s.address.String(), time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.exited:
			return fmt.Errorf("ended at once: %v", s.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("does not listen: %w", context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
