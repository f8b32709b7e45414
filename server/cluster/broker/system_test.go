package broker

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// operator is who runs a NATS server whose users have credentials files.
type operator struct {
	t    *testing.T
	key  nkeys.KeyPair
	jwts *server.MemAccResolver
}

func (o *operator) pair(make func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
	o.t.Helper()
	pair, err := make()
	if err != nil {
		o.t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		o.t.Fatal(err)
	}
	return pair, public
}

// account makes an account, and a credentials file of a user.
func (o *operator) account(isSystem bool) (public, file string) {
	o.t.Helper()
	account, public := o.pair(nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(public)
	if !isSystem {
		claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	}
	text, err := claims.Encode(o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.jwts.Store(public, text); err != nil {
		o.t.Fatal(err)
	}
	user, userPublic := o.pair(nkeys.CreateUser)
	userText, err := jwt.NewUserClaims(userPublic).Encode(account)
	if err != nil {
		o.t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		o.t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(userText, seed)
	if err != nil {
		o.t.Fatal(err)
	}
	file = filepath.Join(o.t.TempDir(), "user.creds")
	if err := os.WriteFile(file, creds, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return public, file
}

// With credentials of the system account nobody has to vouch for sync_interval.
func TestSystemCredentialsShowWhetherServersSync(t *testing.T) {
	for _, syncs := range []bool{true, false} {
		o := &operator{t: t, jwts: new(server.MemAccResolver)}
		var public string
		o.key, public = o.pair(nkeys.CreateOperator)
		claims := jwt.NewOperatorClaims(public)
		system, systemFile := o.account(true)
		_, file := o.account(false)
		claims.SystemAccount = system
		s, err := server.NewServer(&server.Options{
			ServerName: "operated", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, MaxPayload: 2 << 20,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: syncs,
			TrustedOperators: []*jwt.OperatorClaims{claims}, SystemAccount: system, AccountResolver: o.jwts,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(patience) {
			t.Fatal("the server does not start")
		}
		ready := func(c External) error {
			c.URL, c.Dir, c.Log = s.ClientURL(), t.TempDir(), slog.New(slog.DiscardHandler)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			b, err := Connect(ctx, c)
			if err != nil {
				return err
			}
			defer b.Close()
			return b.Ready(ctx)
		}
		err = ready(External{CredentialsFile: file, SystemCredentialsFile: systemFile})
		if syncs && err != nil {
			t.Error(err)
		}
		if !syncs {
			wantError(t, err, ErrNotSynced, "operated has a sync_interval other than always", "sync_interval: always")
		}
		wantError(t, ready(External{CredentialsFile: file, SystemCredentialsFile: file}), ErrNotSynced, "no server answers the system account", "cluster-system-credentials")
		wantError(t, ready(External{CredentialsFile: file}), ErrNotSynced, "cannot see", "cluster-system-credentials")
		wantError(t, ready(External{CredentialsFile: file, SystemCredentialsFile: "none.creds"}), ErrConfig, "none.creds", "may read")
	}
}
