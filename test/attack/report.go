package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// target is what the 99th percentile of the room should stay under.
const target = 5 * time.Millisecond

const heading = "" +
	"                       the room's p50 and p99 in ms               server\n" +
	"attack                 before        during        after          MB   CPU   log kB\n"

// String is the attack's line, and below it what it did and what it harmed.
func (r *result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s  ", r.attack.name)
	slow := ""
	for _, name := range []string{"before", "during", "after"} {
		w := r.room.Windows[name]
		fmt.Fprintf(&b, "%5.2f %6.2f  ", ms(w.P50), ms(w.P99))
		if w.P99 > target && name == "during" {
			slow = fmt.Sprintf("  over %v, longest %.0f ms", target, ms(w.Max))
		}
	}
	fmt.Fprintf(&b, "%5d  %3.0f%%  %7.1f%s\n", r.memory>>20, 100*r.cpu, float64(r.log)/1000, slow)
	var counts []string
	for _, what := range slices.Sorted(maps.Keys(r.attacker.Counts)) {
		counts = append(counts, fmt.Sprintf("%s %d", what, r.attacker.Counts[what]))
	}
	if r.room.Refused > 0 {
		counts = append(counts, fmt.Sprintf("the room's returns refused %d", r.room.Refused))
	}
	fmt.Fprintf(&b, "    %s\n", strings.Join(counts, ", "))
	for _, fault := range r.faults {
		fmt.Fprintf(&b, "    HARM: %s\n", fault)
	}
	return b.String()
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// certificate writes a new pair for loopback and returns the flags that name it.
func certificate(folder string) ([]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	public, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var flags []string
	for _, part := range []struct {
		flag, kind string
		bytes      []byte
	}{{"--tls-cert", "CERTIFICATE", public}, {"--tls-key", "PRIVATE KEY", private}} {
		path := filepath.Join(folder, part.flag[2:]+".pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: part.kind, Bytes: part.bytes}), 0o600); err != nil {
			return nil, err
		}
		flags = append(flags, part.flag, path)
	}
	return flags, nil
}
