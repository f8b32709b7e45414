package cluster

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"usher/server/cluster/broker"
	"usher/server/servertest"
)

// Other nodes dial the host by which they know this node, unless it is told to listen elsewhere.
func TestHostForLinks(t *testing.T) {
	for _, row := range []struct{ listen, cluster, want string }{
		{"10.0.0.1:6223", "10.0.0.1:6222", "10.0.0.1"},
		{":6223", ":6222", "10.0.0.9"},
		{"0.0.0.0:6223", "10.0.0.1:6222", "10.0.0.1"},
		{"[::]:6223", "[fd00::1]:6222", "fd00::1"},
		{"192.168.0.1:6223", "10.0.0.1:6222", "192.168.0.1"},
		{"192.168.0.1:6223", "", "192.168.0.1"},
	} {
		c := Config{LinkListen: row.listen}
		if row.cluster != "" {
			c.Embedded = among(row.cluster)
		}
		if got := c.linkHost(); got != row.want {
			t.Errorf("%+v is dialed at %q", row, got)
		}
	}
}

func TestListeningForLinksWhereNobodyCanDialIsRefused(t *testing.T) {
	files := broker.TLSFiles{CA: "a", Cert: "b", Key: "c"}
	for _, row := range []struct {
		listen   string
		external *broker.External
		problem  string
	}{
		{"10.0.0.1", nil, "host:port"},
		{"10.0.0.1:65536", nil, "host:port"},
		{"10.0.0.1:x", nil, "host:port"},
		{":6223", &broker.External{TLS: files}, "does not say where"},
		{"0.0.0.0:6223", &broker.External{TLS: files}, "does not say where"},
		{"10.0.0.1:6223", &broker.External{}, "no secret"},
		{"10.0.0.1:6223", &broker.External{TLS: broker.TLSFiles{CA: "a"}}, "no secret"},
	} {
		c := Config{LinkListen: row.listen, External: row.external}
		var refused *broker.Error
		if err := c.Check(); !errors.As(err, &refused) || !errors.Is(err, broker.ErrLinkListen) || !strings.Contains(refused.Problem, row.problem) || refused.Hint == "" {
			t.Errorf("%q: %+v", row.listen, refused)
		}
	}
}

// The port is taken before anything else is started.
func TestAPortForLinksThatIsInUseIsRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	peers := servertest.FreeAddresses(t, 3)
	_, err = Open(t.Context(), Config{
		LinkListen: taken.Addr().String(), Log: slog.New(slog.DiscardHandler),
		Embedded: &broker.Config{Listen: peers[0], Peers: peers, Secret: []byte("a secret of at least 16 bytes"), Dir: t.TempDir()},
	})
	if !errors.Is(err, broker.ErrLinkListen) {
		t.Error(err)
	}
}
