package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"usher/server/cluster"
	"usher/server/cluster/stream"
)

// clusterCmd are the commands about many nodes.
type clusterCmd struct {
	Status clusterStatusCmd `cmd:"" help:"Show the nodes, their shards and their copies of the stream."`
	Drain  clusterDrainCmd  `cmd:"" help:"Make a node hand its rooms over and stop."`
	Demo   clusterDemoCmd   `cmd:"" help:"Start three nodes here, kill one, and show how a room fares."`
}

type clusterStatusCmd struct {
	URL  string `name:"url" default:"http://localhost:8787" placeholder:"URL" help:"Any node, where it serves /metrics (http://localhost:8787)."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Help is the text under the summary of usher cluster status --help.
func (*clusterStatusCmd) Help() string {
	return "LINK is how the node that was asked sends frames to this one: direct, nats, or - for not at all. " +
		"COPY is what the node's server has of the stream: it leads, is current, is a number of writes behind, or is offline. " +
		"The exit status is 1 if a shard has no owner or the stream has no leader."
}

func (c *clusterStatusCmd) Run(out io.Writer) error {
	status, err := askStatus(context.Background(), c.URL)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(out, status)
	} else {
		writeStatus(out, status, styleFor(out))
	}
	return errors.Join(err, unwell(status))
}

// askTimeout bounds one request to a node.
const askTimeout = 10 * time.Second

func askStatus(ctx context.Context, base string) (status cluster.Status, err error) {
	response, err := askNode(ctx, http.MethodGet, base, "/cluster/status", "")
	if err != nil {
		return status, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return status, &hinted{
			fmt.Errorf("%s has no /cluster/status: %s", base, response.Status),
			"--url names a node of a cluster, where it serves /metrics: with --metrics-listen there",
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		return status, fmt.Errorf("the response of %s: %w", base, err)
	}
	return status, nil
}

func askNode(ctx context.Context, method, base, path, token string) (*http.Response, error) {
	parsed, err := url.Parse(base)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return nil, &hinted{fmt.Errorf("%s is not the URL of a node", base), "--url http://10.0.0.1:8787"}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Timeout: askTimeout}).Do(request)
	if err != nil {
		return nil, &hinted{fmt.Errorf("no node responds at %s: %w", base, errors.Unwrap(err)), "--url names a node that is up: --url http://10.0.0.1:8787"}
	}
	return response, nil
}

func writeStatus(out io.Writer, s cluster.Status, style style) {
	copies := make(map[string]stream.Copy)
	for _, c := range s.Copies {
		copies[c.Server] = c
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tADDRESS\tSTATE\tSHARDS\tLINK\tCOPY")
	for _, n := range s.Nodes {
		copy := "none"
		if c, has := copies[n.ID]; has {
			copy = describeCopy(c)
			delete(copies, n.ID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", printable(n.ID), printable(cmp.Or(n.Address, "-")), n.State, n.Shards, cmp.Or(n.Link, "-"), copy)
	}
	// What is left is of a NATS that runs elsewhere, or of a node that has not come back.
	for _, c := range s.Copies {
		if _, left := copies[c.Server]; left {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t%s\n", printable(c.Server), describeCopy(c))
		}
	}
	w.Flush()
	heading, rows, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintf(out, "%s\n%s", style.bold(heading), rows)
	if s.Problem != "" {
		fmt.Fprintf(out, "The node %s, which was asked, is not ready: %s.\n", printable(s.Node), s.Problem)
	}
}

func describeCopy(c stream.Copy) string {
	switch {
	case c.Leads:
		return "leads"
	case c.Offline:
		return "offline"
	case c.Lag > 0:
		return fmt.Sprint(c.Lag, " behind")
	case !c.Current:
		return "not current"
	}
	return "current"
}

// unwell is why some rooms cannot be entered or changed, nil if all can.
func unwell(s cluster.Status) error {
	switch {
	case s.StreamProblem != "":
		return &hinted{errors.New("the stream does not respond: " + s.StreamProblem), "a majority of the nodes must be up and reach each other: look at their logs"}
	case len(s.Copies) == 0 || !s.Copies[0].Leads:
		return &hinted{errors.New("the stream has no leader"), "one is elected within seconds while a majority of the nodes is up"}
	case s.Unowned > 0:
		return &hinted{fmt.Errorf("shards without an owner: %d of %d", s.Unowned, s.Shards), "they get one within seconds of a node's death: ask again"}
	}
	return nil
}
