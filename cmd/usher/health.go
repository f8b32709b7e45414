package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/server"
)

type healthCmd struct {
	sources
	URL     string        `name:"url" placeholder:"URL" help:"Where the server is; by default where listen says, on this machine."`
	Ready   bool          `help:"Ask whether it takes new rooms (/readyz), not only whether it responds (/healthz)."`
	Timeout time.Duration `default:"5s" placeholder:"5s" help:"How long to wait for the response (5s)."`

	Listen    string `default:"localhost:8787" placeholder:"ADDRESS" help:"Where the server listens, as for serve; also USHER_LISTEN."`
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"Set if the server serves TLS, as for serve; also USHER_TLS_CERT."`
	TLSDomain list   `name:"tls-domain" placeholder:"NAME,..." help:"The same; also USHER_TLS_DOMAIN."`
}

// Help is the text under the summary of usher health --help.
func (*healthCmd) Help() string {
	return "Give it the file or the variables that the server has, and it finds the server. " +
		"It writes one line; the exit status is 0 if the server is well and 1 if not.\n\n" +
		"On this machine the certificate's name is not checked: the question is whether the process responds. With --url it is."
}

func (c *healthCmd) Run(out io.Writer) error {
	base, client := c.URL, http.DefaultClient
	if base == "" {
		base, client = "http"+baseURL(c.served()), c.onThisMachine()
	}
	if parsed, err := url.Parse(base); err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return &hinted{fmt.Errorf("%s is not the URL of a server", base), "--url http://localhost:8787"}
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	return askHealth(ctx, client, strings.TrimSuffix(base, "/")+path, out)
}

// served is the configuration as far as the URL follows from it. A domain leads to the machine that
// DNS names, so it is not part of the URL here.
func (c *healthCmd) served() server.Config {
	config := server.Config{Listen: c.Listen, TLSCert: c.TLSCert}
	if len(c.TLSDomain) > 0 {
		config.TLSCert = cmp.Or(c.TLSCert, "ACME")
	}
	return config
}

// onThisMachine is a client that finds localhost without /etc/hosts, which an image may lack, and
// that speaks TLS with a server whose certificate is for another name. For ACME it names a domain.
func (c *healthCmd) onThisMachine() *http.Client {
	config := &tls.Config{InsecureSkipVerify: true}
	if len(c.TLSDomain) > 0 {
		config.ServerName = c.TLSDomain[0]
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: dialHere}}
}

func dialHere(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	host, port, _ := net.SplitHostPort(address)
	if !strings.EqualFold(host, "localhost") {
		return dialer.DialContext(ctx, network, address)
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		var other error
		if conn, other = dialer.DialContext(ctx, network, net.JoinHostPort("::1", port)); other == nil {
			return conn, nil
		}
	}
	return conn, err
}

func askHealth(ctx context.Context, client *http.Client, address string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return unreachable(address, err)
	}
	defer response.Body.Close()
	var body struct{ Status, Code, Error string }
	err = json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&body)
	if response.StatusCode != http.StatusOK {
		err := fmt.Errorf("%s: %s", address, cmp.Or(body.Code, response.Status))
		if response.StatusCode == http.StatusBadRequest && request.URL.Scheme == "http" {
			return &hinted{err, "does the server speak TLS there? Then --url https://…, or --tls-cert as the server has it"}
		}
		return err
	}
	if err != nil || body.Status == "" {
		return &hinted{fmt.Errorf("%s is not an usher", address), "another program listens there: --listen or --url"}
	}
	_, err = fmt.Fprintf(out, "%s: %s\n", address, body.Status)
	return err
}

// unreachable is the error without net/http's repetition of the address.
func unreachable(address string, err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		err = errors.New("no response in time")
	}
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &untrusted) {
		return &hinted{
			fmt.Errorf("%s: the certificate is not trusted here, or is for another name: %w", address, untrusted.Err),
			"on the server's machine use --listen and --tls-cert instead of --url: then it is not checked; usher doctor says what is wrong with it",
		}
	}
	return &hinted{fmt.Errorf("%s: %w", address, err), "is the server running, and with these settings? --listen or --url says where it is"}
}
