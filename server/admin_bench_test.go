package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/rooms"
)

// nobody is a socket that nobody reads.
type nobody struct{}

func (nobody) Send([]byte, any)         {}
func (nobody) Ping()                    {}
func (nobody) Close(protocol.CloseCode) {}
func (nobody) Cut()                     {}
func (nobody) Stands(room.Standing)     {}

// BenchmarkAdminPage measures what the admin page asks for every two seconds, with 10 000 rooms and
// 40 000 people: the server and a page of the list. core-% is the share of a core that one open
// page takes, its client included.
func BenchmarkAdminPage(b *testing.B) {
	const every = 2 * time.Second
	config := DefaultConfig()
	config.Listen, config.DataDir, config.Log = "127.0.0.1:0", b.TempDir(), slog.New(slog.DiscardHandler)
	config.AdminTokenFile = filepath.Join(config.DataDir, "token")
	if err := os.WriteFile(config.AdminTokenFile, []byte(adminToken), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for i := range 10_000 {
		id := fmt.Sprintf("bench-room-%05d", i)
		for person := range 4 {
			session, refusal := s.rooms.Open(ctx, id, rooms.Opening{Uncounted: true}, nobody{})
			if refusal != "" {
				b.Fatal(refusal)
			}
			kind := "JOIN_ROOM"
			if person == 0 {
				kind = "CREATE_ROOM"
			}
			var f protocol.Frame
			f.Decode(fmt.Appendf(nil, `{"type":%q,"roomId":%q,"userId":"user-%d","userName":"Somebody","timestamp":1,"protocol":1}`, kind, id, person))
			session.Received(&f, "", nil)
		}
	}
	if people := s.metrics.Participants.Load(); people != 40_000 {
		b.Fatal(people)
	}
	client := &http.Client{}
	get := func(path string) {
		request, err := http.NewRequest("GET", "http://"+s.Addr().String()+"/api/v1"+path, nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+adminToken)
		response, err := client.Do(request)
		if err != nil || response.StatusCode != 200 {
			b.Fatal(response, err)
		}
		_ = response.Body.Close()
	}
	for b.Loop() {
		get("/server")
		get("/rooms?limit=25&q=&cursor=")
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(every)*100, "core-%")
	cancel()
	<-done
}
