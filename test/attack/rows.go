package main

import "fmt"

// attack is one row: what is done to the server, and what it may cost.
type attack struct {
	name, what string
	// flags are the server's, in addition to the usual ones.
	flags []string
	tls   bool
	run   func(a *attacker)
	// whole attacks take their time, up to a minute more than the others: what they ask for must
	// succeed.
	whole bool
	// patient reports that the server may refuse returns with HTTP 503 while it has no memory left.
	patient bool
	// most bounds what the attack may cost, if that is not the usual bound.
	most bounds
}

// bounds are the server's resident memory and what it logs, in bytes.
type bounds struct {
	memory int64
	log    int
}

func (a attack) bounds() bounds {
	b := a.most
	if b.memory == 0 {
		b.memory = 300 << 20
	}
	if b.log == 0 {
		b.log = 256 << 10
	}
	return b
}

// attacks is the table. What is done over plain TCP and over TLS has two rows.
var attacks = rows()

func rows() (all []attack) {
	for _, row := range []attack{
		{name: "huge-length", what: "a fragment, then a continuation of 2^63-1 bytes", run: hugeLength},
		{name: "tiny-fragments", what: "endless fragments of one byte", run: func(a *attacker) { fragments(a, "x") }},
		{name: "empty-fragments", what: "endless fragments of no bytes", run: func(a *attacker) { fragments(a, "") }},
		{name: "empty-messages", what: "endless messages of no bytes, which count like all others", run: emptyMessages},
		{name: "broken-frames", what: "frames that RFC 6455 forbids, each on a new connection", run: brokenFrames},
		{name: "unread-pongs", what: "floods of pings whose pongs are never read", run: unreadPongs},
		{name: "after-the-end", what: "a broken frame, and megabytes after it", run: afterTheEnd},
	} {
		encrypted := row
		encrypted.name, encrypted.what, encrypted.tls = row.name+"-tls", row.what+", over TLS", true
		all = append(all, row, encrypted)
	}
	return append(all,
		attack{name: "hidden-frames", what: "handshakes with a body, by HTTP/1.0, by HEAD, with two keys or versions", run: hiddenFrames},
		attack{name: "relay-flood", what: "200 connections that send 1.2 KB offers as fast as they may", run: relayFlood},
		attack{name: "sync-flood", what: "200 connections in rooms of 50 that broadcast as fast as they may", run: syncFlood},
		attack{name: "large-frames", what: "200 connections in rooms of 50 that broadcast frames of 60 KiB", run: largeFrames},
		attack{name: "rename-storm", what: "a room of 50 with 64-letter names that rename themselves as fast as they may", run: renameStorm},
		attack{name: "rename-guest", what: "one guest of a room of 50 who sends 200 renames at once; nobody else of the room is closed", run: renameGuest},
		attack{name: "churn", what: "joins and leaves in a room of 39, by 11 connections again and again", run: churn},
		attack{name: "crowd", what: "250 people from 250 addresses who join at once", flags: []string{"--max-people", "250"}, run: crowd, whole: true},
		attack{name: "one-nat", what: "a full room behind one address that reconnects five times in a row", run: oneNAT, whole: true},
		attack{name: "unseated", what: "180 sockets without a seat in the room itself, whose people return meanwhile", run: unseated},
		attack{name: "parked", what: "38 people in the room itself who join on connection after connection, whose other people return meanwhile", run: parked},
		attack{name: "slow-readers", what: "98 people in two rooms who read nothing, and two who broadcast", run: slowReaders},
		attack{name: "reconnects", what: "4000 PINGs at once, then a new connection, without end", run: reconnects},
		attack{name: "handshakes", what: "handshakes without end", run: handshakes},
		attack{name: "tls-handshakes", what: "TLS handshakes without end", tls: true, run: tlsHandshakes},
		attack{name: "many-rooms", what: "rooms without end", run: manyRooms},
		attack{name: "slow-http", what: "600 sockets that send headers and bodies a byte at a time", run: slowHTTP},
		attack{name: "http-flood", what: "100 connections that ask for the page, rooms and credentials without a pause", run: httpFlood},
		attack{name: "metrics", what: "40 connections that scrape /metrics without a pause", run: scrapes},
		attack{name: "log-flood", what: "requests and frames that are worth a line in the log", run: logFlood},
		attack{name: "log-flood-tls", what: "the same over TLS, and handshakes that fail", tls: true, run: logFlood},
		attack{name: "forged-address", what: "400 connections with invented X-Forwarded-For", run: forgedAddress},
		attack{name: "broken-proxy", what: "400 connections by a trusted proxy whose X-Forwarded-For cannot be read",
			flags: []string{"--trusted-proxy", "127.0.0.2"}, run: brokenProxy},
		attack{name: "held-memory", what: "six addresses that hold all they may", flags: []string{"--max-memory", fmt.Sprint(heldMemory)}, run: holdMemory, patient: true, most: bounds{memory: heldMemory * 5 / 4}},
	)
}

// heldMemory is what the server may use while six addresses hold all they may.
const heldMemory = 256 << 20
