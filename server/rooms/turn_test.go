package rooms

import (
	"testing"
	"testing/synctest"
)

// Frames that waited for a commit end a turn too.
func TestTurnEndsAfterWhatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := w.create("room-1")
		before, _ := v.got()
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Stored"`)
		if frames, _ := v.got(); frames != before {
			t.Error("a frame is seen before it is stored")
		}
		w.store.commit(1, nil)
		synctest.Wait()
		if frames, _ := v.got(); frames != before+1 {
			t.Errorf("%d frames after the commit", frames-before)
		}
	})
}
