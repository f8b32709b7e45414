package server

import (
	"errors"
	"fmt"
	"time"

	"usher/protocol"
	"usher/server/servertest"
	"usher/server/store"
)

// refuse makes the disk fail, and the server notice it, or makes the disk work again.
func (p *replay) refuse(refusal protocol.Code) {
	switch refusal {
	case protocol.CodeStorageUnavailable:
		p.restoreDisk = p.server().fillDisk()
		if err := p.commit(); err == nil || p.server().store.Healthy() {
			p.t.Fatalf("%s: the disk does not fail", p.at)
		}
	case "":
		p.healDisk()
	default:
		p.t.Fatalf("%s: the server never refuses so", p.at)
	}
}

func (p *replay) healDisk() {
	if p.restoreDisk == nil {
		return
	}
	p.restoreDisk()
	p.restoreDisk = nil
	if err := p.commit(); err != nil || !p.server().store.Healthy() {
		p.t.Errorf("%s: the store does not heal: %v", p.at, err)
	}
}

// commit tries to store something and to delete it, so that the store learns the state of the disk.
func (p *replay) commit() error {
	done := make(chan error)
	report := func(err error) { done <- err }
	p.server().store.Save("no-account", store.Record{}, report)
	saved := <-done
	p.server().store.Delete("no-account", report)
	return errors.Join(saved, <-done)
}

// refuseCreate makes every address use up the one room that it may have, or gives it back.
func (p *replay) refuseCreate(refusal protocol.Code) {
	switch refusal {
	case protocol.CodeTooManyRooms:
		for i, word := range p.words() {
			id := p.taking(fmt.Sprint("taken-room-", i))
			c := p.server().dial(0).upgrade(id, nil, "X-Forwarded-For: "+p.address(word).String())
			c.say("CREATE_ROOM", id, "taker", "")
			p.server().keepPrivate(id)
			_ = c.SetDeadline(time.Now().Add(servertest.Patience))
			if _, _, err := c.read(); err != nil { // or its address has the room of the trace
				p.t.Fatalf("%s: %v", p.at, err)
			}
			p.taken = append(p.taken, c)
		}
	case "":
		for _, c := range p.taken {
			c.write(closeFrame(protocol.CloseNormal))
			_, _, _ = c.read()
			_ = c.Close()
		}
		p.taken = nil
		p.eventually("the rooms are given back", func() bool { return p.connections() == int64(len(p.sockets)) })
	default:
		p.t.Fatalf("%s: the server never refuses so", p.at)
	}
}

// taking is the id of a room that counts against the same limit as the transcript's: each node
// counts the rooms that it owns.
func (p *replay) taking(id string) string {
	for p.account != nil && !p.server().owns(id) {
		id += "x"
	}
	return id
}
