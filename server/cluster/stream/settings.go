package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/server/cluster/broker"
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
	return &settings{
		Name: Name, Description: "rooms of usher",
		Subjects:  []string{nodeKeys, TableKey, roomPrefix + "*.*", metaKey, probeKey, corruptPrefix + "*.*"},
		Retention: "limits", Discard: "new", Storage: "file", Replicas: replicas,
		MaxPerSubject: 1, MaxMessages: -1, MaxBytes: -1, MaxSize: -1, MaxConsumers: -1,
		AllowDirect: true, AllowTTL: true, DenyDelete: true,
	}
}

// info is what JetStream says about a stream.
type info struct {
	Config settings `json:"config"`
	State  struct {
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

// copies is on how many servers the stream is. While it has no leader, all of them are replicas.
func (i *info) copies() int {
	if i.Cluster.Leader == "" && len(i.Cluster.Replicas) > 0 {
		return len(i.Cluster.Replicas)
	}
	return 1 + len(i.Cluster.Replicas)
}

// check returns an *broker.Error for the first setting with which the stream cannot hold rooms.
func (c *settings) check(replicas int) error {
	want := wanted(replicas)
	for _, rule := range []struct {
		name      string
		ok        bool
		got, want any
		fixed     bool // cannot be changed later
	}{
		{"num_replicas", c.Replicas == replicas, c.Replicas, replicas, false},
		{"storage", c.Storage == "file", c.Storage, "file", true},
		{"persist_mode", c.PersistMode == "" || c.PersistMode == "default", c.PersistMode, "default", true},
		{"max_msgs_per_subject", c.MaxPerSubject == 1, c.MaxPerSubject, 1, false},
		{"allow_direct", c.AllowDirect, c.AllowDirect, true, false},
		{"allow_msg_ttl", c.AllowTTL, c.AllowTTL, true, false},
		{"deny_delete", c.DenyDelete, c.DenyDelete, true, false},
		{"retention", c.Retention == "limits", c.Retention, "limits", true},
		{"max_age", c.MaxAge == 0, c.MaxAge, 0, false},
		{"max_msgs", c.MaxMessages <= 0, c.MaxMessages, -1, false},
		{"max_msg_size", c.MaxSize <= 0, c.MaxSize, -1, false},
		{"subject_delete_marker_ttl", c.MarkerTTL == 0, c.MarkerTTL, 0, false},
		{"discard", c.Discard == "new" || c.MaxBytes <= 0, c.Discard, "new", false},
		{"sealed", !c.Sealed, c.Sealed, false, true},
		{"no_ack", !c.NoAck, c.NoAck, false, false},
		{"mirror", c.Mirror == nil, "set", "none", true},
		{"sources", len(c.Sources) == 0, len(c.Sources), "none", false},
		{"subject_transform", c.Transform == nil, "set", "none", false},
	} {
		if !rule.ok {
			hint := fmt.Sprintf("set %s to %v: nats stream edit %s", rule.name, rule.want, Name)
			if rule.fixed {
				hint = fmt.Sprintf("back the stream up (nats stream backup), remove it and let usher create it, with %s %v", rule.name, rule.want)
			}
			return refusal(broker.ErrSettings, fmt.Sprintf("%s of %s is %v", rule.name, Name, rule.got), hint)
		}
	}
	// One more could take the hints and the frames between nodes, which are not to be stored.
	got, all := slices.Sorted(slices.Values(c.Subjects)), slices.Sorted(slices.Values(want.Subjects))
	if !slices.Equal(got, all) {
		return refusal(broker.ErrSettings, "the subjects of "+Name+" are "+strings.Join(got, ", "),
			"set them to "+strings.Join(all, ",")+": nats stream edit "+Name)
	}
	return nil
}

// info asks for the stream; filter is the keys to count, "" for none.
func (s *Stream) info(ctx context.Context, filter string, offset int) (*info, error) {
	result := new(info)
	err := s.call(ctx, "STREAM.INFO."+Name, struct {
		Filter string `json:"subjects_filter,omitempty"`
		Offset int    `json:"offset,omitempty"`
	}{filter, offset}, result)
	return result, err
}

const codeNoStream = 10059

// create makes the stream if it does not exist. It tries again until ctx is done: at a cluster's
// first start not all servers may be up.
func (s *Stream) create(ctx context.Context) (*info, error) {
	for {
		found, err := s.info(ctx, "", 0)
		if err == nil {
			return found, nil
		}
		if refusal := (*apiError)(nil); errors.As(err, &refusal) && refusal.ErrCode == codeNoStream {
			err = s.call(ctx, "STREAM.CREATE."+Name, wanted(s.config.Replicas), found)
			if err == nil {
				s.log.Info("the stream was created", "stream", Name, "replicas", s.config.Replicas)
				return found, nil
			}
		}
		if pause(ctx, s.tuning.createAgain) != nil {
			return nil, unreachable(err)
		}
	}
}

func unreachable(err error) error {
	return refusal(broker.ErrUnreachable, "the stream "+Name+" cannot be used: "+err.Error(),
		"look whether a majority of the servers is up, and whether the account may use JetStream with enough storage and replicas")
}
