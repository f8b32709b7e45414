package broker

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// externalCluster is the cluster of a folder that is used with servers that an operator runs.
const externalCluster = "external"

// identityFormat is the format of the file "identity" and of the folder around it.
const identityFormat = 1

// identity says whose a data folder is.
type identity struct {
	Format  int    `json:"format"`
	Node    string `json:"node"`
	Cluster string `json:"cluster"`
}

// folder is a data folder that this process has locked.
type folder struct {
	dir  string
	node string
	lock *os.File
}

// openFolder locks the data folder and checks that it is this cluster's and this node's.
func openFolder(dir, node, cluster string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &Error{ErrFolder, err.Error(), "name a folder that this process may write to"}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, &Error{ErrFolder, err.Error(), "name a folder that this process may write to"}
	}
	if err := lockFile(lock); err != nil {
		_ = lock.Close()
		return nil, &Error{ErrLocked, dir + " is in use by another process", "stop the other process, or give each node a folder of its own"}
	}
	f := &folder{dir: dir, node: node, lock: lock}
	if err := f.identify(cluster); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *folder) close() { _ = f.lock.Close() }

// identify reads whose the folder is, or makes it ours if it is new.
func (f *folder) identify(cluster string) error {
	path := filepath.Join(f.dir, "identity")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if f.node == "" {
			f.node = randomID()
		}
		text, err := json.Marshal(identity{identityFormat, f.node, cluster})
		if err != nil {
			return err
		}
		if err := writeDurably(path, append(text, '\n')); err != nil {
			return &Error{ErrFolder, err.Error(), "name a folder that this process may write to"}
		}
		return nil
	}
	if err != nil {
		return &Error{ErrFolder, err.Error(), "name a folder that this process may read"}
	}
	var found identity
	if err := json.Unmarshal(text, &found); err != nil || !validID(found.Node) {
		return &Error{ErrFolder, path + " cannot be read", "restore the file, or let this node begin with an empty folder while the others are up to date"}
	}
	switch {
	case found.Format != identityFormat:
		return &Error{ErrFolder, fmt.Sprintf("%s has format %d and this usher knows %d", f.dir, found.Format, identityFormat), "use the usher that wrote it, or a newer one"}
	case found.Cluster != cluster && (found.Cluster == externalCluster || cluster == externalCluster):
		return &Error{ErrFolder, f.dir + " is of a cluster whose NATS was " + kindOf(found.Cluster) + ", and this one's is " + kindOf(cluster),
			"use another folder: cluster and cluster-listen make two clusters, and neither has the other's rooms"}
	case found.Cluster != cluster:
		return &Error{ErrFolder, f.dir + " is of a cluster with another secret",
			"use this cluster's folder, or an empty one\nif the secret of this cluster was changed on every node, remove " + path + " on every node while all are stopped"}
	case f.node != "" && f.node != found.Node:
		return &Error{ErrFolder, fmt.Sprintf("%s is of node %s, not %s", f.dir, found.Node, f.node), "give each node its own folder, and let it keep its id"}
	}
	f.node = found.Node
	return nil
}

func kindOf(cluster string) string {
	if cluster == externalCluster {
		return "external"
	}
	return "embedded"
}

func randomID() string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
}

// writeDurably makes a file that is there wholly or not at all after a crash.
func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every system can sync a folder
	return dir.Close()
}
