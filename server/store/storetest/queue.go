package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/server/store"
)

// MaxMessages is how many messages may wait in a store that TestQueue opens.
const MaxMessages = 2000

// TestQueue holds a store to the contract of store.Queue. open is Test's.
func TestQueue(t *testing.T, open func(t *testing.T) (q store.Queue, end func())) {
	for name, rule := range map[string]func(*testing.T, func() *queue){
		"messages are stored with the change that they tell of": storesMessages,
		"what a newer record replaces keeps its messages":       keepsEveryMessage,
		"messages survive, with their ids and in order":         messagesSurvive,
		"a message that was sent is gone":                       settles,
		"a message that failed is set aside, and replayed":      setsAside,
		"a full queue drops the newest":                         dropsTheNewest,
	} {
		t.Run(name, func(t *testing.T) {
			rule(t, func() *queue {
				q, end := open(t)
				return &queue{q, &opened{q, t, end}}
			})
		})
	}
}

type queue struct {
	store.Queue
	*opened
}

func message(id string) []store.Message {
	return []store.Message{{ID: id, AtMs: 42, Body: []byte("body of " + id)}}
}

func (q *queue) saveWith(roomID, id string) {
	q.t.Helper()
	if err := q.wait(func(done func(error)) { q.SaveWith(roomID, text(id), message(id), done) }); err != nil {
		q.t.Fatal(err)
	}
}

// waitingIDs are the ids of all that waits, by room if a room is given.
func (q *queue) waitingIDs(roomID string) (ids []string) {
	q.t.Helper()
	after := uint64(0)
	for {
		page, err := q.Waiting(after, 100)
		if err != nil {
			q.t.Fatal(err)
		}
		for _, m := range page {
			if m.Seq <= after || m.AtMs != 42 || string(m.Body) != "body of "+m.ID || m.Failure != "" {
				q.t.Errorf("after %d: %+v", after, m)
			}
			after = m.Seq
			if roomID == "" || m.RoomID == roomID {
				ids = append(ids, m.ID)
			}
		}
		if len(page) == 0 {
			return ids
		}
	}
}

// wantWaiting waits for what comes a little after the done of its change.
func (q *queue) wantWaiting(roomID string, want ...string) {
	q.t.Helper()
	var got []string
	if !eventually(func() bool { got = q.waitingIDs(roomID); return slices.Equal(got, want) }) {
		q.t.Errorf("waiting are %v, want %v", got, want)
	}
}

// wantDepth waits likewise.
func (q *queue) wantDepth(depth int, dropped uint64) {
	q.t.Helper()
	if !eventually(func() bool { return q.Depth() == depth && q.Dropped() == dropped }) {
		q.t.Errorf("depth %d, dropped %d; want %d and %d", q.Depth(), q.Dropped(), depth, dropped)
	}
}

func eventually(holds func() bool) bool {
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (q *queue) settle(sent []uint64, failed ...store.Queued) {
	q.t.Helper()
	if err := q.Settle(sent, failed); err != nil {
		q.t.Fatal(err)
	}
}

func storesMessages(t *testing.T, open func() *queue) {
	q := open()
	defer q.end()
	q.saveWith("room-1", "a")
	q.wantWaiting("", "a")
	if err := q.wait(func(done func(error)) {
		q.DeleteWith("room-1", append(message("b"), message("c")...), done)
	}); err != nil {
		t.Fatal(err)
	}
	q.wantNone("room-1")
	q.wantWaiting("", "a", "b", "c")
	q.wantDepth(3, 0)
	refused := q.wait(func(done func(error)) { q.SaveWith("", text("x"), message("x"), done) })
	if refused == nil {
		t.Error("a record without an id is saved")
	}
	q.wantWaiting("", "a", "b", "c")
}

func keepsEveryMessage(t *testing.T, open func() *queue) {
	q := open()
	defer q.end()
	var want []string
	for i := range 200 {
		id := fmt.Sprint("m", i)
		want = append(want, id)
		if i%9 == 8 {
			q.DeleteWith("room-1", message(id), nil)
		} else {
			q.SaveWith("room-1", text(id), message(id), nil)
		}
		q.SaveWith(fmt.Sprint("other-", i%7), text("x"), message("other-"+id), nil)
	}
	q.Flush()
	q.wantWaiting("room-1", want...)
	q.wantDepth(400, 0)
}

func messagesSurvive(t *testing.T, open func() *queue) {
	q := open()
	q.saveWith("room-1", "a")
	q.saveWith("room-2", "b")
	q.saveWith("room-1", "c")
	q.end()
	q = open()
	defer q.end()
	q.wantWaiting("room-1", "a", "c")
	q.wantWaiting("room-2", "b")
	q.saveWith("room-1", "d")
	q.wantWaiting("room-1", "a", "c", "d")
	q.wantDepth(4, 0)
}

func settles(t *testing.T, open func() *queue) {
	q := open()
	for _, id := range []string{"a", "b", "c"} {
		q.saveWith("room-1", id)
	}
	q.wantWaiting("", "a", "b", "c")
	all, err := q.Waiting(0, 3)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	q.settle([]uint64{all[1].Seq, 1 << 40})
	q.settle([]uint64{all[1].Seq}) // again
	q.wantWaiting("", "a", "c")
	q.wantDepth(2, 0)
	q.end()
	q = open()
	defer q.end()
	q.wantWaiting("", "a", "c")
}

func setsAside(t *testing.T, open func() *queue) {
	q := open()
	for _, id := range []string{"a", "b", "c"} {
		q.saveWith("room-1", id)
	}
	q.wantWaiting("", "a", "b", "c")
	all, _ := q.Waiting(0, 3)
	for i := range 2 {
		all[i].Failure = "no reply"
		q.settle(nil, all[i])
	}
	q.settle(nil, all[0]) // again
	q.wantWaiting("", "c")
	q.end()
	q = open()
	aside, err := q.SetAside()
	if err != nil || len(aside) != 2 || aside[0].ID != "a" || aside[0].Failure != "no reply" || aside[0].RoomID != "room-1" || string(aside[0].Body) != "body of a" {
		t.Errorf("%+v, %v", aside, err)
	}
	if n, err := q.Replay([]string{"b", "unknown"}); n != 1 || err != nil {
		t.Error(n, err)
	}
	q.wantWaiting("", "c", "b")
	if n, err := q.Replay(nil); n != 1 || err != nil {
		t.Error(n, err)
	}
	q.wantWaiting("", "c", "b", "a")
	if aside, err := q.SetAside(); len(aside) != 0 || err != nil {
		t.Errorf("%v, %v", aside, err)
	}
	q.wantDepth(3, 0)
	q.end()
}

func dropsTheNewest(t *testing.T, open func() *queue) {
	q := open()
	defer q.end()
	for i := range MaxMessages + 10 {
		q.SaveWith("room-1", text("x"), message(fmt.Sprint("m", i)), nil)
		if i%100 == 99 { // what has not come into the queue may have its own bound
			q.wantDepth(i+1, 0)
		}
	}
	q.wantDepth(MaxMessages, 10)
	waiting := q.waitingIDs("")
	if len(waiting) != MaxMessages || waiting[0] != "m0" || waiting[MaxMessages-1] != fmt.Sprint("m", MaxMessages-1) {
		t.Errorf("%d wait: %s", len(waiting), strings.Join(waiting[:3], " "))
	}
	all, _ := q.Waiting(0, 1200)
	for i := range all {
		all[i].Failure = "no"
	}
	q.settle(nil, all...)
	aside, _ := q.SetAside()
	if len(aside) != store.MaxSetAside || aside[0].ID != "m200" {
		t.Errorf("%d are set aside", len(aside))
	}
	q.saveWith("room-2", "there is space again")
}
