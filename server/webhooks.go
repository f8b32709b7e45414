package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"usher/room"
	"usher/server/cluster"
	"usher/server/rooms"
	"usher/server/store"
	"usher/server/webhook"
)

func (p *problems) checkWebhook(c *Config) {
	w := &c.Webhook
	p.count("webhook-queue", w.Queue, 100, 1_000_000)
	p.duration("webhook-retry-for", w.RetryFor, time.Minute, 30*day)
	for _, name := range w.Events {
		if !slices.Contains(webhookEvents(), name) {
			p.add("webhook-events: %q is not an event; the events are %s", name, strings.Join(webhookEvents(), ", "))
		}
	}
	if w.URL == "" {
		if w.SecretFile != "" {
			p.add("webhook-secret-file is of no use without webhook-url")
		}
		return
	}
	if err := webhook.CheckURL(w.URL, w.AllowHTTP); err != nil {
		p.add("webhook-url: %w", err)
	}
	if w.SecretFile == "" {
		p.add("webhook-url needs webhook-secret-file; usher webhooks secret makes a secret")
	}
}

// openWebhooks makes the sender, if somebody is to be told.
func (s *Server) openWebhooks() error {
	c := &s.config.Webhook
	if c.URL == "" {
		return nil
	}
	secrets, err := readWebhookSecrets(c.SecretFile)
	if err != nil {
		return err
	}
	var kinds []room.OccurrenceKind
	for _, kind := range webhook.DefaultKinds {
		if slices.Contains(c.Events, kind.String()) {
			kinds = append(kinds, kind)
		}
	}
	queue, ok := s.store.(store.Queue)
	if !ok {
		return errors.New("this store keeps no webhooks")
	}
	s.webhooks.sender, err = webhook.New(webhook.Config{
		URL: c.URL, Secrets: secrets, Kinds: kinds, AllowPrivate: c.AllowPrivate, RetryFor: c.RetryFor,
		Queue: queue, Now: time.Now, After: time.After, Metrics: s.metrics.ShowWebhooks(queue.Depth, queue.Dropped), Log: s.log,
	})
	return err
}

func readWebhookSecrets(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("webhook-secret-file: %w", err)
	}
	secrets, err := webhook.ParseSecrets(string(text))
	if err != nil {
		return nil, fmt.Errorf("webhook-secret-file: %s: %w", file, err)
	}
	return secrets, nil
}

// sendOn lets rooms store the messages that are sent.
func (s *Server) sendOn(config *rooms.Config) {
	if sender := s.webhooks.sender; sender != nil {
		config.Messages, config.Queue = sender.Messages, s.store.(store.Queue)
	}
}

// run sends until ctx is done; of the nodes of a cluster one does at a time.
func (w *webhooks) run(ctx context.Context, node *cluster.Node, dir string, log *slog.Logger) {
	if w.sender == nil {
		return
	}
	var err error
	if w.control, err = webhook.OpenControl(dir, w.sender); err != nil {
		log.Warn("usher webhooks cannot reach this server, only its folder once it has stopped", "error", err)
	} else {
		go w.control.Serve()
	}
	send := w.sender.Run
	if node != nil {
		send = func(ctx context.Context) { node.RunInTurn(ctx, w.sender.Wake, w.sender.Run) }
	}
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		send(ctx)
	}()
}

// stop returns once nothing uses the store. The context of run must be done.
func (w *webhooks) stop() {
	if w.done != nil {
		<-w.done
	}
	if w.control != nil {
		w.control.Close()
	}
}

// pause lets nothing be sent until resume is called: another process may open the queue.
func (w *webhooks) pause(ctx context.Context) (resume func()) {
	if w.sender == nil {
		return func() {}
	}
	return w.sender.Pause(ctx)
}

// leave is called before stop if another process has the store and listens by now.
func (w *webhooks) leave() {
	if w.control != nil {
		w.control.Leave()
	}
}

// reload reads the secrets again, and tries a receiver again that has said that it is gone.
func (w *webhooks) reload(secretFile string) error {
	if w.sender == nil {
		return nil
	}
	secrets, err := readWebhookSecrets(secretFile)
	if err == nil {
		err = w.sender.SetSecrets(secrets)
	}
	w.sender.Revive()
	return err
}
