package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"usher/server/cluster"
	"usher/server/cluster/broker"
)

type clusterDrainCmd struct {
	sources
	Node              string        `arg:"" placeholder:"NODE" help:"Its id, as usher cluster status shows it."`
	URL               string        `name:"url" default:"http://localhost:8787" placeholder:"URL" help:"Any node, where it serves /metrics (http://localhost:8787)."`
	ClusterSecretFile string        `name:"cluster-secret-file" placeholder:"FILE" help:"File that holds the cluster's secret; also USHER_CLUSTER_SECRET_FILE."`
	Wait              time.Duration `default:"1m" placeholder:"1m" help:"How long to wait until the node is gone (1m)."`
}

// Help is the text under the summary of usher cluster drain --help.
func (*clusterDrainCmd) Help() string {
	return "The node does what it does on SIGTERM: it hands its rooms over to the others, stores them, and ends with status 0. " +
		"With --cluster there is no secret: send it SIGTERM instead."
}

func (c *clusterDrainCmd) Run(out io.Writer) error {
	if c.ClusterSecretFile == "" {
		return &hinted{errors.New("cluster-secret-file is missing"), "whoever has the cluster's secret may drain a node: --cluster-secret-file FILE, or send it SIGTERM"}
	}
	secret, err := readSecret("cluster-secret-file", c.ClusterSecretFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(c.Wait, askTimeout))
	defer cancel()
	response, err := askNode(ctx, http.MethodPost, c.URL, "/cluster/drain?node="+url.QueryEscape(c.Node), broker.OperatorToken([]byte(secret)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := c.refusal(response); err != nil {
		return err
	}
	fmt.Fprintln(out, c.Node, "hands its rooms over.")
	if c.Wait > 0 {
		return c.await(ctx, out)
	}
	return nil
}

func (c *clusterDrainCmd) refusal(response *http.Response) error {
	var refusal cluster.Refusal
	if response.StatusCode != http.StatusAccepted {
		_ = json.NewDecoder(response.Body).Decode(&refusal)
	}
	switch response.StatusCode {
	case http.StatusAccepted:
		return nil
	case http.StatusUnauthorized:
		return &hinted{fmt.Errorf("%s is not the secret of the cluster at %s", c.ClusterSecretFile, c.URL), "it is the file that the nodes were given as --cluster-secret-file"}
	case http.StatusBadRequest, http.StatusNotFound:
		if refusal.Error == "" {
			return &hinted{fmt.Errorf("%s cannot drain a node: %s", c.URL, response.Status), "--url names a node with --cluster-listen, where it serves /metrics"}
		}
		return &hinted{errors.New(refusal.Error), "usher cluster status lists the nodes"}
	}
	return fmt.Errorf("%s refuses: %s %s", c.URL, response.Status, refusal.Error)
}

// await waits until the node is gone, or until the node that was asked no longer replies, because
// it was the one that drained.
func (c *clusterDrainCmd) await(ctx context.Context, out io.Writer) error {
	for {
		status, err := askStatus(ctx, c.URL)
		if ctx.Err() != nil {
			return &hinted{fmt.Errorf("%s is still there after %v", c.Node, c.Wait), "look at its log; its drain-timeout bounds the drain"}
		}
		if err != nil || !isUp(status, c.Node) {
			fmt.Fprintln(out, c.Node, "is gone.")
			return nil
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func isUp(status cluster.Status, id string) bool {
	for _, n := range status.Nodes {
		if n.ID == id {
			return n.State != "gone"
		}
	}
	return false
}
