package main

import (
	"fmt"
	"path/filepath"
)

// workerPeer is usher's worker, or PartyServer, as a Durable Object in workerd.
type workerPeer struct {
	usherDialect
	version string
	bundle  bundle
}

// partyPeer is the signaling room of peers/node/servers/party.ts.
type partyPeer struct {
	plainJSON
	version string
	bundle  bundle
}

func (p *workerPeer) about() peerAbout {
	return peerAbout{Name: "usher's worker", Version: p.version,
		Checks:   "what usher checks",
		Keeps:    "what usher keeps, in the object's storage",
		Promises: "what usher promises; hibernates", noTLS: true, slow: true}
}

func (p *partyPeer) about() peerAbout {
	return peerAbout{Name: "PartyServer", Version: p.version,
		Checks:   "JSON, sender and target",
		Keeps:    "who is connected, while the object hibernates",
		Promises: "order; hibernates", noTLS: true, slow: true}
}

func (p *workerPeer) prepare(k *kit) (err error) {
	if err := k.workers(); err != nil {
		return err
	}
	p.version = k.commit()
	p.bundle, err = k.w.workerBundle("")
	return err
}

func (p *partyPeer) prepare(k *kit) error {
	if err := k.workers(); err != nil {
		return err
	}
	if err := k.npm(); err != nil {
		return err
	}
	p.version = k.nodePackage("partyserver")
	source, made := filepath.Join(k.nodeFolder, "servers/party.ts"), filepath.Join(k.w.folder, "party.js")
	p.bundle = bundle{kind: kindParty, modules: []string{made}}
	return k.w.tools.run(k.w.ctx, "esbuild", source, "--bundle", "--minify", "--format=esm", "--target=es2024", "--external:cloudflare:workers", "--outfile="+made)
}

func (p *workerPeer) command(k *kit, s *server) (string, []string, []string, error) {
	program, args, err := k.w.workerdCommand(p.bundle, s)
	return program, args, nil, err
}

func (p *partyPeer) command(k *kit, s *server) (string, []string, []string, error) {
	program, args, err := k.w.workerdCommand(p.bundle, s)
	return program, args, nil, err
}

// path has the room and the connection's id, by which others find it.
func (*partyPeer) path(p *person) string {
	return fmt.Sprintf("/parties/signaling/%s?_pk=%s", p.room, p.id)
}

func (*partyPeer) opened(*person) {}
