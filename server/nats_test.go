package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
	natsclient "github.com/nats-io/nats.go"

	"usher/server/cluster"
	"usher/server/cluster/broker"
	"usher/server/cluster/stream"
	"usher/server/servertest"
)

// operated is three NATS servers, as an operator runs them for many clusters of usher: each has an
// account of its own, which is a world of its own.
type operated struct {
	addresses []string
	free      chan string // accounts
}

// operate starts the servers, with so many accounts.
func operate(t *testing.T, accounts int) *operated {
	t.Helper()
	o := &operated{addresses: servertest.FreeAddresses(t, 3), free: make(chan string, accounts)}
	routes := servertest.FreeAddresses(t, 3)
	var started []*nats.Server
	for i := range o.addresses {
		s := o.serve(t, i, routes, accounts)
		started = append(started, s)
	}
	t.Cleanup(func() {
		var ending sync.WaitGroup
		for _, s := range started {
			ending.Go(func() { s.Shutdown(); s.WaitForShutdown() })
		}
		ending.Wait()
	})
	servertest.Eventually(t, "NATS has a leader", func() bool { return started[0].JetStreamIsCurrent() })
	for i := range accounts {
		o.free <- accountName(i)
	}
	return o
}

func accountName(i int) string { return fmt.Sprint("usher-", i) }

// serve starts one server.
func (o *operated) serve(t *testing.T, index int, routes []string, accounts int) *nats.Server {
	t.Helper()
	port := func(address string) (n int) {
		_, _ = fmt.Sscanf(address, "127.0.0.1:%d", &n)
		return n
	}
	system := nats.NewAccount("SYS")
	options := &nats.Options{
		ServerName: fmt.Sprint("nats-", index), Host: "127.0.0.1", Port: port(o.addresses[index]), NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: 2 << 20,
		Cluster:  nats.ClusterOpts{Name: "operated", Host: "127.0.0.1", Port: port(routes[index])},
		Routes:   nats.RoutesFromStr("nats://" + strings.Join(routes, ",nats://")),
		Accounts: []*nats.Account{system}, SystemAccount: "SYS",
	}
	for i := range accounts {
		a := nats.NewAccount(accountName(i))
		options.Accounts = append(options.Accounts, a)
		options.Users = append(options.Users, &nats.User{Username: accountName(i), Password: "pw", Account: a})
	}
	s, err := nats.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(servertest.Patience) {
		t.Fatal("NATS does not start")
	}
	for i := range accounts {
		a, err := s.LookupAccount(accountName(i))
		if err == nil {
			err = a.EnableJetStream(nil, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// account is where one cluster keeps its rooms.
type account struct {
	url  string
	conn *natsclient.Conn
	js   natsclient.JetStreamContext
}

// account takes a free one, until the test ends.
func (o *operated) account(t *testing.T) *account {
	t.Helper()
	name := <-o.free
	a := &account{url: fmt.Sprintf("nats://%s:pw@%s", name, strings.Join(o.addresses, fmt.Sprintf(",nats://%s:pw@", name)))}
	var err error
	if a.conn, err = natsclient.Connect(a.url); err == nil {
		a.js, err = a.conn.JetStream(natsclient.MaxWait(servertest.Patience))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.js.DeleteStream(stream.Name)
		a.conn.Close()
		o.free <- name
	})
	return a
}

// launch starts three nodes that keep their rooms there, and returns once each owns its part.
func (a *account) launch(t *testing.T, change func(*setup)) []*running {
	t.Helper()
	nodes := make([]*running, 3)
	var starting sync.WaitGroup
	for i := range nodes {
		starting.Go(func() {
			nodes[i] = launchSetUp(t, t.TempDir(), func(s *setup) {
				change(s)
				s.Cluster = &cluster.Config{
					Address:   fmt.Sprintf("node-%d.test:80", i+1),
					SeatGrace: time.Hour, // by the machine's clock, on which nothing here depends
					External:  &broker.External{NodeID: fmt.Sprint("node-", i+1), Dir: t.TempDir(), URL: a.url, SyncAssured: true},
				}
			})
		})
	}
	starting.Wait()
	for i, n := range nodes {
		if n == nil {
			t.Fatalf("node %d did not start", i+1)
		}
		servertest.Eventually(t, "a node has its part of the rooms", func() bool {
			return n.ready() == "" && strings.Contains(get(t, n, "/metrics"), "usher_cluster_shards 34")
		})
	}
	return nodes
}

// owns reports whether this node owns a room.
func (r *running) owns(roomID string) bool { return r.node.Tenure(roomID) != nil }

// rooms reads the records of all rooms, by their keys.
func (a *account) rooms(t *testing.T) map[string][]byte {
	t.Helper()
	info, err := a.js.StreamInfo(stream.Name, &natsclient.StreamInfoRequest{SubjectsFilter: "u.room.>"})
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string][]byte)
	for key := range info.State.Subjects {
		m, err := a.js.GetLastMsg(stream.Name, key)
		if err != nil {
			t.Fatal(err)
		}
		records[key] = m.Data
	}
	return records
}

// put writes records over those that are there.
func (a *account) put(t *testing.T, records map[string][]byte) {
	t.Helper()
	for key, value := range records {
		if _, err := a.js.Publish(key, value); err != nil {
			t.Fatal(err)
		}
	}
}
