package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"usher/server/store"
	"usher/server/store/bolt"
	"usher/server/webhook"
)

type webhooksCmd struct {
	List   webhooksListCmd   `cmd:"" help:"List the webhooks that wait, and those that were set aside."`
	Replay webhooksReplayCmd `cmd:"" help:"Send again the webhooks that were set aside."`
	Secret webhooksSecretCmd `cmd:"" help:"Make a secret that signs webhooks."`
}

type webhooksListCmd struct {
	sources
	JSON bool   `name:"json" help:"Write JSON, with the bodies."`
	Data string `default:"./usher-data" placeholder:"FOLDER" help:"Folder of the server; also USHER_DATA."`
}

// Help is the text under the summary of usher webhooks list --help.
func (*webhooksListCmd) Help() string {
	return "A running server is asked through " + webhook.SocketName + " in its folder; otherwise the folder is read."
}

func (c *webhooksListCmd) Run(out io.Writer) error {
	list, err := listWebhooks(c.Data)
	if err != nil {
		return explainWebhooks(c.Data, err)
	}
	if c.JSON {
		return writeJSON(out, list)
	}
	writeWebhooks(out, &list, styleFor(out))
	return nil
}

func listWebhooks(dir string) (list webhook.Listing, err error) {
	if asked, err := askServer(dir, http.MethodGet, "/webhooks", nil, &list); asked {
		return list, err
	}
	reader, err := bolt.OpenReadOnly(dir)
	if err != nil {
		return list, err
	}
	defer reader.Close()
	return webhook.List(reader)
}

func writeWebhooks(out io.Writer, list *webhook.Listing, style style) {
	if list.Depth+len(list.SetAside) == 0 {
		fmt.Fprintln(out, "No webhooks wait, and none were set aside.")
		return
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROOM\tEVENT\tHAPPENED\tSTATE")
	for _, m := range list.Waiting {
		writeWebhook(w, &m, "waits")
	}
	for _, m := range list.SetAside {
		writeWebhook(w, &m, "set aside: "+m.Failure)
	}
	w.Flush()
	heading, rows, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintf(out, "%s\n%s", style.bold(heading), rows)
	if more := list.Depth - len(list.Waiting); more > 0 {
		fmt.Fprintf(out, "%s.\n", counted(more, "more waits", "more wait"))
	}
}

func writeWebhook(w io.Writer, m *webhook.Listed, state string) {
	var event struct{ Type string }
	_ = json.Unmarshal(m.Body, &event) // otherwise it is shown without
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable(m.ID), printable(m.RoomID), printable(event.Type), m.At.Local().Format(time.DateTime), printable(state))
}

type webhooksReplayCmd struct {
	sources
	IDs  []string `arg:"" optional:"" name:"id" help:"Ids of the webhooks, as usher webhooks list shows them."`
	All  bool     `help:"All that were set aside."`
	Data string   `default:"./usher-data" placeholder:"FOLDER" help:"Folder of the server; also USHER_DATA."`
}

// Help is the text under the summary of usher webhooks replay --help.
func (*webhooksReplayCmd) Help() string {
	return "They keep their ids, and come behind what waits of their rooms. A running server sends them at once, another when it starts."
}

func (c *webhooksReplayCmd) Run(out io.Writer) error {
	if c.All == (len(c.IDs) > 0) {
		return &hinted{errors.New("name the webhooks to replay, or all of them"), "usher webhooks list shows their ids; --all replays all that were set aside"}
	}
	n, err := c.replay()
	if err != nil {
		return explainWebhooks(c.Data, err)
	}
	if n < len(c.IDs) {
		return &hinted{fmt.Errorf("not set aside: %d of %d", len(c.IDs)-n, len(c.IDs)), "usher webhooks list shows those that were; the others are replayed"}
	}
	fmt.Fprintf(out, "%d replayed.\n", n)
	return nil
}

func (c *webhooksReplayCmd) replay() (n int, err error) {
	var replayed webhook.Replayed
	if asked, err := askServer(c.Data, http.MethodPost, "/webhooks/replay", webhook.Replay{IDs: c.IDs}, &replayed); asked {
		return replayed.Messages, err
	}
	reader, err := bolt.OpenReadOnly(c.Data) // it must exist
	if err != nil {
		return 0, err
	}
	_ = reader.Close()
	opened, err := bolt.Open(c.Data, bolt.Options{})
	if err != nil {
		return 0, err
	}
	n, err = opened.Replay(c.IDs)
	return n, errors.Join(err, opened.Close())
}

type webhooksSecretCmd struct{}

// Help is the text under the summary of usher webhooks secret --help.
func (*webhooksSecretCmd) Help() string {
	return "Put it into the server's webhook-secret-file and into the receiver. To change it, put the new one on a line before the old one, " +
		"send the server SIGHUP, give the receiver the new one, and then remove the old one."
}

func (*webhooksSecretCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintln(out, webhook.NewSecret())
	return err
}

// askServer asks the server that uses a data folder, and reports whether there is one.
func askServer(dir, method, path string, request, reply any) (asked bool, err error) {
	socket := filepath.Join(dir, webhook.SocketName)
	client := &http.Client{Timeout: askTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(request)
	if err != nil {
		return true, err
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "http://usher"+path, bytes.NewReader(body))
	if err != nil {
		return true, err
	}
	response, err := client.Do(r)
	if err != nil {
		return false, nil // no server, or one without webhooks
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return true, fmt.Errorf("the server replied %s: %s", response.Status, bytes.TrimSpace(text))
	}
	return true, json.NewDecoder(response.Body).Decode(reply)
}

func explainWebhooks(dir string, err error) error {
	if errors.Is(err, store.ErrLocked) {
		return &hinted{
			fmt.Errorf("%s is in use by a server that sends no webhooks", dir),
			"stop it first, or start it with --webhook-url",
		}
	}
	if errors.Is(err, fs.ErrNotExist) && isNode(dir) {
		return &hinted{
			fmt.Errorf("%s is the folder of a node of a cluster that does not run, or sends no webhooks", dir),
			"start it with --webhook-url, or look on another node: the queue is the same",
		}
	}
	return explainStore(dir, err)
}
