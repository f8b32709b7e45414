package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// halving is a connection that can stop in the middle of a write.
type halving struct {
	net.Conn
	// halt, if it is not nil, is told of the next write's first half, and says when to go on.
	halt chan struct{}
}

// Write implements net.Conn.
func (h *halving) Write(b []byte) (int, error) {
	if h.halt == nil {
		return h.Conn.Write(b)
	}
	n, err := h.Conn.Write(b[:len(b)/2])
	if err != nil {
		return n, err
	}
	h.halt <- struct{}{}
	<-h.halt
	h.halt = nil
	more, err := h.Conn.Write(b[n:])
	return n + more, err
}

// dialing is a client whose connections are passed to with before they are used.
func dialing(with func(net.Conn) net.Conn) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return with(conn), nil
	}}}
}

func TestAnUpgradeCarriesHalfAFrame(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t)
	var half *halving
	ann, bob := &talker{id: "ann", peer: "bob", room: "halves"}, &talker{id: "bob", room: "halves"}
	ann.join(t, "http://"+u.address, dialing(func(conn net.Conn) net.Conn {
		half = &halving{Conn: conn}
		return half
	}))
	bob.enter(t, u.address)
	halt := make(chan struct{})
	half.halt = halt
	written := make(chan error)
	go func() { written <- ann.say(1, "") }()
	<-halt
	u.upgrade()
	halt <- struct{}{}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	u.eventually("the frame arrives whole", func() bool { return bob.arrived.Load() == 1 || bob.problem.Load() != nil })
	if problem := bob.problem.Load(); problem != nil {
		t.Error(*problem)
	}
}

func TestAnUpgradeCarriesWhatAClientHasNotTaken(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, "--max-pending", "32MiB", "--byte-burst", "64MiB")
	ann, bob := &talker{id: "ann", peer: "bob", room: "slow-room"}, &talker{id: "bob", room: "slow-room"}
	ann.join(t, "http://"+u.address, nil)
	go ann.read()
	bob.join(t, "http://"+u.address, dialing(func(conn net.Conn) net.Conn {
		_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		return conn
	}))
	const frames = 150 // more than the system keeps for a socket
	padding := strings.Repeat("x", 60<<10)
	for n := range frames {
		if err := ann.say(n+1, padding); err != nil {
			t.Fatal(err)
		}
	}
	u.upgrade()
	u.upgrade()
	go bob.read()
	u.eventually("everything arrives", func() bool { return bob.arrived.Load() == frames || bob.problem.Load() != nil })
	if problem := bob.problem.Load(); problem != nil {
		t.Error(*problem)
	}
}

func TestAnUpgradeGivesNobodyANewBudget(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, "--address-join-rate", "1", "--address-join-burst", "2")
	began := time.Now()
	joins := 0
	for i := range 6 {
		if i == 2 {
			u.upgrade()
		}
		ws, _, err := websocket.Dial(t.Context(), fmt.Sprintf("ws://%s/ws?roomId=budget-%d", u.address, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		hello := fmt.Sprintf(`{"type":"CREATE_ROOM","roomId":"budget-%d","userId":"ann","userName":"Ann","protocol":1,"timestamp":1}`, i)
		if err := ws.Write(t.Context(), websocket.MessageText, []byte(hello)); err != nil {
			t.Fatal(err)
		}
		_, reply, err := ws.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(reply), "ROOM_CREATED") {
			joins++
		}
	}
	if most := 2 + int(time.Since(began)/time.Second); joins < 2 || joins > most {
		t.Errorf("%d joins, at most %d were left", joins, most)
	}
}

// selfSigned writes a certificate for localhost and its key, and returns whom to trust.
func selfSigned(t *testing.T) (certificate, key string, roots *x509.CertPool) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := x509.ParseCertificate(der)
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	certificate, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key, roots
}

func TestAnUpgradeDrainsTLSAndKeepsItsSeats(t *testing.T) {
	t.Parallel()
	certificate, key, roots := selfSigned(t)
	u := startUpgradable(t, "--tls-cert", certificate, "--tls-key", key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	ann := &talker{id: "ann", room: "secure"}
	ann.join(t, "https://"+u.address, client)
	u.upgrade()
	_, _, err := ann.ws.Read(t.Context())
	if closed := (websocket.CloseError{}); !errors.As(err, &closed) || closed.Code != websocket.StatusServiceRestart {
		t.Errorf("the old process ends it with %v", err)
	}
	bob := &talker{id: "bob", room: "secure"}
	bob.join(t, "https://"+u.address, client) // the room is still there: ann's seat is held
}
