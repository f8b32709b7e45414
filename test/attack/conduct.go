package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"
)

// conductor runs attacks one after another.
type conductor struct {
	before, during, after time.Duration
	program               string
	out                   io.Writer
}

// result is what one attack came to.
type result struct {
	attack   attack
	room     roomReport
	attacker attackerReport
	memory   int64
	log      int
	cpu      float64 // of one processor, during the attack
	faults   []string
}

// run runs the attacks whose names match and prints each. The error says how many failed.
func (c *conductor) run(ctx context.Context, chosen *regexp.Regexp) error {
	runtime.LockOSThread() // for dieWithParent
	defer runtime.UnlockOSThread()
	folder, err := os.MkdirTemp("", "usher-attack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if c.program == "" {
		if c.program, err = build(ctx, folder); err != nil {
			return err
		}
	}
	fmt.Fprint(c.out, heading)
	failed, ran := 0, 0
	for _, a := range attacks {
		if !chosen.MatchString(a.name) {
			continue
		}
		r, err := c.attack(ctx, filepath.Join(folder, a.name), a)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r = &result{attack: a, faults: []string{err.Error()}}
		}
		ran++
		if len(r.faults) > 0 {
			failed++
		}
		fmt.Fprint(c.out, r)
	}
	switch {
	case ran == 0:
		return errors.New("no attack has such a name; -list names them")
	case failed > 0:
		return fmt.Errorf("%d of %d attacks did harm", failed, ran)
	}
	return nil
}

// attack runs one attack against a server of its own, which keeps its data in the folder.
func (c *conductor) attack(ctx context.Context, folder string, a attack) (*result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.before+c.during+c.after+5*time.Minute)
	defer cancel()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	flags := a.flags
	if a.tls {
		pair, err := certificate(folder)
		if err != nil {
			return nil, err
		}
		flags = append(slices.Clone(flags), pair...)
	}
	server, err := startServer(ctx, c.program, folder, flags, 4*a.bounds().memory)
	if err != nil {
		return nil, err
	}
	r := &result{attack: a}
	if err := c.scene(ctx, server, r); err != nil {
		return nil, errors.Join(err, errors.New(fmt.Sprint(server.stop())))
	}
	r.memory = server.watched()
	r.faults = append(r.faults, server.stop()...)
	r.log = server.bytes
	r.judge()
	return r, nil
}

// scene measures the room before, during and after the attack.
func (c *conductor) scene(ctx context.Context, s *server, r *result) error {
	const room = "innocent-room"
	people, err := startPlayer(ctx, "room", roomPart{Address: s.address, TLS: r.attack.tls, Room: room, Patient: r.attack.patient})
	if err != nil {
		return err
	}
	defer people.wait()
	var ready string
	if err := people.read(&ready); err != nil {
		return err
	}
	if err := sleep(ctx, c.before); err != nil {
		return err
	}
	attacker, err := startPlayer(ctx, "attacker", attackerPart{Name: r.attack.name, Address: s.address, Room: room, TLS: r.attack.tls, For: c.during})
	if err != nil {
		return err
	}
	defer attacker.wait()
	people.say("during")
	begin, spent := time.Now(), cpuTime(s.cmd.Process.Pid)
	if err := attacker.read(&r.attacker); err != nil {
		return err
	}
	r.cpu = (cpuTime(s.cmd.Process.Pid) - spent).Seconds() / time.Since(begin).Seconds()
	people.say("after")
	if err := sleep(ctx, c.after); err != nil {
		return err
	}
	people.say("stop")
	return people.read(&r.room)
}

// judge adds what must not be to the faults.
func (r *result) judge() {
	bounds := r.attack.bounds()
	for _, fault := range r.room.Faults {
		r.faults = append(r.faults, "the room: "+fault)
	}
	for _, fault := range r.attacker.Faults {
		r.faults = append(r.faults, "the attack: "+fault)
	}
	if r.room.Arrived != r.room.Sent || r.room.Sent == 0 || r.room.Returns == 0 {
		r.faults = append(r.faults, fmt.Sprintf("the room: %d of %d offers arrived, %d returns", r.room.Arrived, r.room.Sent, r.room.Returns))
	}
	if r.memory > bounds.memory {
		r.faults = append(r.faults, fmt.Sprintf("the server took %d MB of memory, and may take %d", r.memory>>20, bounds.memory>>20))
	}
	if r.log > bounds.log {
		r.faults = append(r.faults, fmt.Sprintf("the server logged %d bytes, and may log %d", r.log, bounds.log))
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
