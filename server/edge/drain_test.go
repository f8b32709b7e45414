package edge

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
)

// slowRooms lets a connection in when loaded is closed.
type slowRooms struct {
	Rooms
	loaded  chan struct{}
	session *deafSession
}

func (r *slowRooms) Open(context.Context, string, Opening, Socket) (Session, protocol.Code) {
	<-r.loaded
	return r.session, ""
}

// A room may take long to load. A drain must end the connection that waits for it.
func TestDrainWaitsForHandshakesUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := &slowRooms{loaded: make(chan struct{}), session: new(deafSession)}
		config := testConfig()
		config.Rooms = rooms
		e, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		go func() {
			r := httptest.NewRequest("GET", "/ws?roomId=room-1", nil)
			for name, value := range map[string]string{
				"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			} {
				r.Header.Set(name, value)
			}
			// The request cannot be hijacked, so the handshake fails.
			e.HTTP().Handler.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		drained := false
		go func() {
			e.Drain(t.Context(), 0)
			drained = true
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if drained {
			t.Error("drained while a connection is under way")
		}
		close(rooms.loaded)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !drained || rooms.session.ended != 1 {
			t.Errorf("drained is %v, the session ended %d times", drained, rooms.session.ended)
		}
	})
}
