package main

import (
	"fmt"
	"os"
)

// barePeer is one of the relays without Checks: they know pairs of sockets and no messages.
type barePeer struct {
	of      kind
	program string
	version string
}

func (b *barePeer) about() peerAbout {
	a := peerAbout{Name: "bare nbio", Version: b.version, Checks: "nothing", Keeps: "nothing", Promises: "order", noTLS: true, noBroadcast: true}
	if b.of == kindFloor {
		a.Name, a.Version = "C floor", ""
		a.Checks = "nothing, not even that a write was whole"
	}
	return a
}

func (b *barePeer) prepare(k *kit) (err error) {
	if b.of == kindFloor {
		has, err := k.w.buildFloor()
		if err == nil && !has {
			err = missing("there is no C compiler (cc)")
		}
		b.program = k.w.floor
		return err
	}
	b.version = moduleVersion(ownBuild(), "github.com/lesismal/nbio")
	b.program, err = os.Executable()
	return err
}

func (b *barePeer) command(k *kit, s *server) (string, []string, []string, error) {
	if b.of == kindFloor {
		return b.program, []string{s.address.Addr().String(), fmt.Sprint(s.address.Port())}, nil, nil
	}
	return b.program, []string{string(b.of), "-listen", s.address.String(), "-pollers", fmt.Sprint(k.w.pollers)}, nil, nil
}

func (*barePeer) path(p *person) string { return fmt.Sprintf("/ws?roomId=%s&seat=%d", p.room, p.seat) }

func (*barePeer) opened(*person) {}

func (*barePeer) received(p *person, message []byte) {
	if string(message) == string(welcome) {
		p.seated()
	}
}

func (*barePeer) offer(from, to *person, body func(bool) []byte) []byte {
	return usherDialect{}.offer(from, to, body)
}

func (*barePeer) broadcast(*person, []byte) []byte { return nil }
