package roomtest

import (
	"crypto/sha256"
	"fmt"

	"usher/room"
)

// hash lets the hashes of passcodes wait, or has them done, or lets those that are asked for from
// now on fail.
func (r *Runner) hash(how string) error {
	r.current().Hashes = how
	r.tardy, r.fails = how == "wait", how == "fail"
	for len(r.hashes) > 0 && !r.tardy {
		event := r.hashes[0]
		r.hashes = r.hashes[1:]
		if err := r.step(event); err != nil {
			return err
		}
	}
	return nil
}

// hashed is what has become of a Hash: some hash, because no transcript shows it.
func (r *Runner) hashed(event room.Event, request *room.HashRequest) room.Event {
	result := &room.HashResult{Number: request.Number, Failed: r.fails}
	if request.Salt != nil {
		result.Salt = *request.Salt
	} else {
		r.salts++
		copy(result.Salt[:], fmt.Sprint("salt ", r.salts))
	}
	result.Digest = sha256.Sum256(append(result.Salt[:], request.Passcode...))
	return room.Event{Kind: room.Hashed, Conn: event.Conn, Message: event.Message, Secret: event.Secret, OwnerSecret: event.OwnerSecret, Hash: result}
}
