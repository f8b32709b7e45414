package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/server/cluster/broker"
	"usher/server/store"
)

// settings are those of a JetStream stream that matter here.
type settings struct {
	Name          string   `json:"name"`
	Description   string   `json:"description,omitempty"`
	Subjects      []string `json:"subjects"`
	Retention     string   `json:"retention"`
	Discard       string   `json:"discard"`
	Storage       string   `json:"storage"`
	Replicas      int      `json:"num_replicas"`
	MaxPerSubject int64    `json:"max_msgs_per_subject"`
	MaxMessages   int64    `json:"max_msgs"`
	MaxBytes      int64    `json:"max_bytes"`
	MaxAge        int64    `json:"max_age"`
	MaxSize       int64    `json:"max_msg_size"`
	MaxConsumers  int      `json:"max_consumers"`
	DedupFor      int64    `json:"duplicate_window,omitempty"`
	AllowDirect   bool     `json:"allow_direct"`
	AllowTTL      bool     `json:"allow_msg_ttl"`
	DenyDelete    bool     `json:"deny_delete"`
	Sealed        bool     `json:"sealed"`
	NoAck         bool     `json:"no_ack,omitempty"`
	PersistMode   string   `json:"persist_mode,omitempty"`
	MarkerTTL     int64    `json:"subject_delete_marker_ttl,omitempty"`
	Mirror        any      `json:"mirror,omitempty"`
	Sources       []any    `json:"sources,omitempty"`
	Transform     any      `json:"subject_transform,omitempty"`
}

// wanted are the settings that usher creates its stream with.
func wanted(replicas int) *settings {
	s := settingsOf(Name, "rooms of usher", replicas, nodeKeys, TableKey, roomPrefix+"*.*", metaKey, probeKey, corruptPrefix+"*.*")
	s.MaxPerSubject, s.AllowTTL, s.DenyDelete = 1, true, true
	return s
}

// dedupFor is for how long the queue knows the ids of messages.
const dedupFor = 2 * time.Minute

// queueStreams are those of the streams of messages: of what waits the newest are refused if there
// are too many, and of what was set aside the oldest make way.
func (s *Stream) queueStreams() []*settings {
	queue := settingsOf(QueueName, "webhooks of usher", s.config.Replicas, queuePrefix+"*.*")
	queue.MaxMessages = int64(s.config.MaxMessages)
	aside := settingsOf(AsideName, "webhooks of usher that were set aside", s.config.Replicas, asidePrefix+"*.*")
	aside.MaxMessages, aside.Discard = store.MaxSetAside, "old"
	queue.DedupFor, aside.DedupFor = int64(dedupFor), int64(dedupFor)
	return []*settings{queue, aside}
}

func settingsOf(name, description string, replicas int, subjects ...string) *settings {
	return &settings{
		Name: name, Description: description, Subjects: subjects,
		Retention: "limits", Discard: "new", Storage: "file", Replicas: replicas,
		MaxPerSubject: -1, MaxMessages: -1, MaxBytes: -1, MaxSize: -1, MaxConsumers: -1,
		AllowDirect: true,
	}
}

// info is what JetStream says about a stream.
type info struct {
	Config settings `json:"config"`
	State  struct {
		Messages     uint64            `json:"messages"`
		LastSequence uint64            `json:"last_seq"`
		Subjects     map[string]uint64 `json:"subjects"`
	} `json:"state"`
	Cluster struct {
		Leader   string     `json:"leader"`
		Replicas []copyInfo `json:"replicas"`
	} `json:"cluster"`
	Total int       `json:"total"`
	Time  time.Time `json:"ts"`
}

// copyInfo is what JetStream says about a copy that does not lead.
type copyInfo struct {
	Name    string        `json:"name"`
	Current bool          `json:"current"`
	Offline bool          `json:"offline"`
	Active  time.Duration `json:"active"`
	Lag     uint64        `json:"lag"`
}

// copies is on how many servers the stream is. While it has no leader, all of them are replicas.
func (i *info) copies() int {
	if i.Cluster.Leader == "" && len(i.Cluster.Replicas) > 0 {
		return len(i.Cluster.Replicas)
	}
	return 1 + len(i.Cluster.Replicas)
}

// check returns an *broker.Error for the first setting with which the stream cannot hold what it is
// for. How many messages may wait is not one: see openQueue.
func (c *settings) check(want *settings) error {
	isTable := want.MaxPerSubject == 1
	for _, rule := range []struct {
		name      string
		ok        bool
		got, want any
		fixed     bool // cannot be changed later
	}{
		{"num_replicas", c.Replicas == want.Replicas, c.Replicas, want.Replicas, false},
		{"storage", c.Storage == "file", c.Storage, "file", true},
		{"persist_mode", c.PersistMode == "" || c.PersistMode == "default", c.PersistMode, "default", true},
		{"max_msgs_per_subject", isTable && c.MaxPerSubject == 1 || !isTable && c.MaxPerSubject <= 0, c.MaxPerSubject, want.MaxPerSubject, false},
		{"allow_direct", c.AllowDirect, c.AllowDirect, true, false},
		{"allow_msg_ttl", c.AllowTTL || !want.AllowTTL, c.AllowTTL, true, false},
		{"deny_delete", c.DenyDelete == want.DenyDelete, c.DenyDelete, want.DenyDelete, c.DenyDelete},
		{"duplicate_window", c.DedupFor >= want.DedupFor, time.Duration(c.DedupFor), time.Duration(want.DedupFor), false},
		{"retention", c.Retention == "limits", c.Retention, "limits", true},
		{"max_age", c.MaxAge == 0, c.MaxAge, 0, false},
		{"max_msgs", !isTable || c.MaxMessages <= 0, c.MaxMessages, -1, false},
		{"max_msg_size", c.MaxSize <= 0, c.MaxSize, -1, false},
		{"subject_delete_marker_ttl", c.MarkerTTL == 0, c.MarkerTTL, 0, false},
		{"discard", c.Discard == want.Discard || isTable && c.MaxBytes <= 0, c.Discard, want.Discard, false},
		{"sealed", !c.Sealed, c.Sealed, false, true},
		{"no_ack", !c.NoAck, c.NoAck, false, false},
		{"mirror", c.Mirror == nil, "set", "none", true},
		{"sources", len(c.Sources) == 0, len(c.Sources), "none", false},
		{"subject_transform", c.Transform == nil, "set", "none", false},
	} {
		if !rule.ok {
			hint := fmt.Sprintf("set %s to %v: nats stream edit %s", rule.name, rule.want, want.Name)
			if rule.fixed {
				hint = fmt.Sprintf("back the stream up (nats stream backup), remove it and let usher create it, with %s %v", rule.name, rule.want)
			}
			return refusal(broker.ErrSettings, fmt.Sprintf("%s of %s is %v", rule.name, want.Name, rule.got), hint)
		}
	}
	// One more could take the hints and the frames between nodes, which are not to be stored.
	got, all := slices.Sorted(slices.Values(c.Subjects)), slices.Sorted(slices.Values(want.Subjects))
	if !slices.Equal(got, all) {
		return refusal(broker.ErrSettings, "the subjects of "+want.Name+" are "+strings.Join(got, ", "),
			"set them to "+strings.Join(all, ",")+": nats stream edit "+want.Name)
	}
	return nil
}

// info asks for a stream; filter is the keys to count, "" for none.
func (s *Stream) info(ctx context.Context, stream, filter string, offset int) (*info, error) {
	result := new(info)
	err := s.call(ctx, "STREAM.INFO."+stream, struct {
		Filter string `json:"subjects_filter,omitempty"`
		Offset int    `json:"offset,omitempty"`
	}{filter, offset}, result)
	return result, err
}

const codeNoStream = 10059

// create makes a stream if it does not exist. It tries again until ctx is done: at a cluster's
// first start not all servers may be up.
func (s *Stream) create(ctx context.Context, want *settings) (*info, error) {
	for {
		found, err := s.info(ctx, want.Name, "", 0)
		if err == nil {
			return found, nil
		}
		if refusal := (*apiError)(nil); errors.As(err, &refusal) && refusal.ErrCode == codeNoStream {
			err = s.call(ctx, "STREAM.CREATE."+want.Name, want, found)
			if err == nil {
				s.log.Info("the stream was created", "stream", want.Name, "replicas", want.Replicas)
				return found, nil
			}
		}
		if pause(ctx, s.tuning.createAgain) != nil {
			return nil, unreachable(want.Name, err)
		}
	}
}
