package broker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"usher/server/servertest"
)

// foreign starts a NATS server as an operator might.
func foreign(t *testing.T, change func(*server.Options)) (url string) {
	t.Helper()
	system, users := server.NewAccount("SYS"), server.NewAccount("USHER")
	o := &server.Options{
		ServerName: "foreign", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: 2 << 20,
		Accounts: []*server.Account{system, users}, SystemAccount: "SYS",
		Users: []*server.User{{Username: "usher", Password: "pw", Account: users}, {Username: "sys", Password: "pw", Account: system}},
	}
	change(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	if o.JetStream {
		account, err := s.LookupAccount("USHER")
		if err == nil {
			err = account.EnableJetStream(nil, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("usher:pw@%s", s.Addr())
}

func connected(t *testing.T, c External) *Broker {
	t.Helper()
	c.Dir, c.Log = t.TempDir(), slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := Connect(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// An operator's NATS is used only if it syncs each write, as seen by the system account or vouched
// for by the operator.
func TestExternalMustSync(t *testing.T) {
	for _, row := range []struct {
		name     string
		change   func(*server.Options)
		external func(url string) External
		kind     error
		advice   string
	}{
		{"vouched for", func(o *server.Options) { o.SyncAlways = false },
			func(url string) External { return External{URL: "nats://" + url, SyncAssured: true} }, nil, ""},
		{"seen by the system account", func(*server.Options) {},
			func(url string) External {
				return External{URL: "nats://" + url, SystemURL: "nats://sys:pw@" + redacted(url)}
			}, nil, ""},
		{"not synced", func(o *server.Options) { o.SyncAlways = false },
			func(url string) External {
				return External{URL: "nats://" + url, SystemURL: "nats://sys:pw@" + redacted(url)}
			}, ErrNotSynced, "sync_interval: always"},
		{"not seen", func(*server.Options) {},
			func(url string) External { return External{URL: "nats://" + url} }, ErrNotSynced, "cluster-sync-assured"},
		{"not the system account", func(*server.Options) {},
			func(url string) External { return External{URL: "nats://" + url, SystemURL: "nats://" + url} }, ErrNotSynced, "system account's"},
		{"no such system user", func(*server.Options) {},
			func(url string) External {
				return External{URL: "nats://" + url, SystemURL: "nats://x:y@" + redacted(url)}
			}, ErrNotSynced, "system account's"},
		{"small messages", func(o *server.Options) { o.MaxPayload = 64 << 10 },
			func(url string) External { return External{URL: "nats://" + url, SyncAssured: true} }, ErrPayload, "max_payload: 131072"},
		{"no JetStream", func(o *server.Options) { o.JetStream = false },
			func(url string) External { return External{URL: "nats://" + url, SyncAssured: true} }, ErrNoJetStream, "enable JetStream"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := connected(t, row.external(foreign(t, row.change)))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := b.Ready(ctx)
			if row.kind == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, row.kind, "", row.advice)
		})
	}
}

// Whoever cannot connect learns where to look, and the log says so at once. Neither the log nor the
// hint has the password.
func TestExternalCannotBeReached(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var log bytes.Buffer
	_, err := Connect(ctx, External{Dir: t.TempDir(), URL: "nats://user:secret@" + servertest.FreeAddresses(t, 1)[0], Log: slog.New(slog.NewTextHandler(&log, nil))})
	wantError(t, err, ErrUnreachable, "no servers", "at 127.0.0.1:")
	if said := log.String(); strings.Count(said, "NATS cannot be reached") != 1 || !strings.Contains(said, "127.0.0.1:") || strings.Contains(said, "secret") {
		t.Errorf("the log says %q", said)
	}
	_, err = Connect(t.Context(), External{Dir: t.TempDir(), URL: "nats://user:wrong@" + redacted(foreign(t, func(*server.Options) {}))})
	wantError(t, err, ErrUnreachable, "Authorization", "credentials")
	_, err = Connect(t.Context(), External{Dir: t.TempDir(), URL: "nats://127.0.0.1", CredentialsFile: "none.creds"})
	wantError(t, err, ErrConfig, "none.creds", "credentials file")
}

// A node is the same at each start, and one folder is one node's.
func TestExternalNodeKeepsItsID(t *testing.T) {
	c := External{URL: "nats://" + foreign(t, func(*server.Options) {}), Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	first, err := Connect(t.Context(), c)
	if err != nil || !validID(first.NodeID()) {
		t.Fatal(first, err)
	}
	defer first.Close()
	_, err = Connect(t.Context(), c)
	wantError(t, err, ErrLocked, "in use", "folder of its own")
	first.Close()
	again, err := Connect(t.Context(), c)
	if err != nil || again.NodeID() != first.NodeID() {
		t.Fatalf("%s has become %+v, %v", first.NodeID(), again, err)
	}
	again.Close()
	c.NodeID = "another"
	_, err = Connect(t.Context(), c)
	wantError(t, err, ErrFolder, "not another", "its own folder")
	c.Dir = ""
	_, err = Connect(t.Context(), c)
	wantError(t, err, ErrConfig, "no data folder", "outlives")
}
