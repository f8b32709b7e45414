package main

// goPeer is a signaling server on a WebSocket library for Go, in the form of its chat example.
type goPeer struct {
	plainJSON
	name, module, source string
	program, version     string
}

func gorillaPeer() peer {
	return &goPeer{name: "gorilla", module: "github.com/gorilla/websocket", source: "./gorilla"}
}

func coderPeer() peer {
	return &goPeer{name: "coder", module: "github.com/coder/websocket", source: "./coder"}
}

func (p *goPeer) about() peerAbout {
	return peerAbout{Name: p.name, Version: p.version,
		Checks:   "JSON, sender and target, size",
		Keeps:    "nothing: rooms end with the process",
		Promises: "order"}
}

func (p *goPeer) prepare(k *kit) (err error) {
	p.version = k.goModule(p.module)
	p.program, err = k.buildGo(p.source)
	return err
}

func (p *goPeer) command(k *kit, s *server) (string, []string, []string, error) {
	return p.program, []string{s.address.String()}, k.tlsEnvironment(s), nil
}
