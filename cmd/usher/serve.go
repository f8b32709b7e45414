package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"usher/server"
	"usher/server/cluster/broker"
	"usher/server/store"
)

type serveCmd struct {
	sources
	settings
}

// Help is the text under the summary of usher serve --help.
func (*serveCmd) Help() string {
	return `Every setting is a flag here, a variable in the environment (USHER_SEAT_GRACE) and a key of the YAML file (seat-grace). ` +
		`A flag wins over the environment, the environment over the file, and the file over the default. ` +
		`Give lists as repeated flags, with commas, or as YAML lists. Durations: 500ms, 40s, 1m30s, 12h, 30d. Sizes: 65536, 64KiB, 4MiB.

SIGTERM and SIGINT drain and stop the server, a second one stops it immediately; SIGHUP reads certificates, API keys, the admin token and the secrets of webhooks again and opens the audit log again. ` +
		`On Linux, SIGUSR2 starts the program again, which takes over without closing a connection; TLS ends those of its clients.`
}

func (c *serveCmd) Run(out io.Writer) error {
	config, err := c.serverConfig()
	if err != nil {
		return err
	}
	collectOften()
	collectBefore(config.MemoryBound())
	// Otherwise the first line written after the log's reader has gone would end the process.
	signal.Ignore(syscall.SIGPIPE)
	log, closeLog := c.openLog(os.Stderr)
	defer closeLog()
	config.Log = log
	config.Version = buildVersion().Version
	again := newProgram()
	srv, released, err := c.open(&config)
	if err != nil {
		return explainServe(config, err)
	}
	config.Listen = boundAddress(config.Listen, srv.Addr())
	writeBanner(out, config, styleFor(out))

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, handledSignals...)
	defer signal.Stop(signals)
	served, stopObeying := context.WithCancel(context.Background())
	defer stopObeying()
	ctx, drain := context.WithCancel(served)
	exit := func(status int) {
		closeLog()
		os.Exit(status)
	}
	reload, passed := srv.Reload, func(pid int) { stopObeying() }
	if isSupervised() {
		s := newSupervisor(srv, log)
		go s.watchAfter(served, released)
		reload, drain = s.obeying(srv.Reload, drain, config.DrainTimeout)
		passed = s.passing(passed)
	}
	upgrade := func() { again.upgrade(srv, config.DataDir, passed, log) }
	go obey(served, signals, reload, upgrade, drain, exit, log)
	return explainServe(config, srv.Run(ctx))
}

// open opens the server with what another process hands over, or what this one was started with.
// The channel is closed, or nil, once this process is the only one.
func (*serveCmd) open(config *server.Config) (srv *server.Server, released <-chan struct{}, err error) {
	if srv, released, err = server.TakeOver(*config); srv != nil || err != nil {
		return srv, released, err
	}
	if config.Listeners, err = inherited(); err != nil {
		return nil, nil, err
	}
	if len(config.Listeners) > 0 {
		config.Listen = config.Listeners[0].Addr().String()
	}
	srv, err = server.New(*config)
	return srv, nil, err
}

// explainServe adds advice to the errors that a second server gets.
func explainServe(config server.Config, err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return &hinted{
			fmt.Errorf("%s is in use by a running server", config.DataDir),
			"stop that one, or choose another folder with --data",
		}
	}
	var broken *broker.Error
	if errors.As(err, &broken) {
		return &hinted{fmt.Errorf("%w", err), broken.Hint}
	}
	var refused *server.ListenError
	if errors.As(err, &refused) {
		return explainListen(refused)
	}
	return explainFolder(config.DataDir, "choose another with --data, or run usher as the user whose folder it is", err)
}

func explainListen(refused *server.ListenError) error {
	problem := refused.Err
	for { // the address is in the outer ones, too
		var operation *net.OpError
		if !errors.As(problem, &operation) {
			break
		}
		problem = operation.Err
	}
	if call := (*os.SyscallError)(nil); errors.As(problem, &call) {
		problem = call.Err
	}
	err := fmt.Errorf("%s %s: %w", refused.Setting, refused.Address, problem)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &hinted{
			fmt.Errorf("%s is in use by another program", refused.Address),
			"stop that one, or choose another port with --" + refused.Setting,
		}
	case errors.Is(err, syscall.EACCES):
		return &hinted{err, "an ordinary user may not listen on ports below 1024: choose another with --" + refused.Setting + ", or see docs/operate.md, systemd"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &hinted{err, "this machine does not have the address; a port after a colon, such as :8787, is every interface"}
	}
	return err
}

// boundAddress returns the address as configured, with the actual port in place of port 0.
func boundAddress(listen string, bound net.Addr) string {
	host, port, err := net.SplitHostPort(listen)
	if tcp, ok := bound.(*net.TCPAddr); ok && err == nil && port == "0" {
		return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
	}
	return listen
}

// writeBanner prints where the server is, for people; machines read it in the log.
func writeBanner(out io.Writer, config server.Config, style style) {
	base := baseURL(config)
	fmt.Fprintf(out, "\n  %s %s\n\n", style.bold("usher"), style.dim(buildVersion().Version))
	rows := [][3]string{
		{"WebSocket", "ws" + base + "/ws", "for clients"},
		{"Health", "http" + base + "/health", ""},
		{"Data", config.DataDir, ""},
	}
	if config.Page {
		rows = slices.Insert(rows, 0, [3]string{"Page", "http" + base + "/", ""})
	}
	if relay := config.TURNRelay; relay.Enabled() {
		rows = append(rows, [3]string{"TURN", strings.Join(slices.Concat(relay.Listen, relay.ListenTLS), " "), "reached by " + relay.PublicIP.String()})
	}
	for _, row := range rows {
		line := fmt.Sprintf("  %-10s %s  %s", row[0], style.bold(row[1]), style.dim(row[2]))
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	fmt.Fprintf(out, "\n  %s\n\n", style.dim("Ctrl-C drains and stops; press it again to stop immediately."))
}

// baseURL is the server's URL without the leading http or ws, as a browser on this machine, or with
// ACME on any machine, would write it.
func baseURL(config server.Config) string {
	scheme, defaultPort := "://", "80"
	if config.TLSCert != "" || len(config.TLSDomains) > 0 {
		scheme, defaultPort = "s://", "443"
	}
	host, port, err := net.SplitHostPort(config.Listen)
	if err != nil {
		return scheme + config.Listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if len(config.TLSDomains) > 0 {
		host = config.TLSDomains[0]
	}
	if port == defaultPort {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + host
	}
	return scheme + net.JoinHostPort(host, port)
}
