package main

import (
	"errors"
	"path/filepath"
	"time"

	"usher/server"
	"usher/server/cluster"
	"usher/server/cluster/broker"
)

// cluster returns what makes the server a node, nil without any setting of a cluster.
func (s *settings) cluster(config *server.Config) (*cluster.Config, error) {
	c, err := s.clusterConfig(config)
	if err == nil && c != nil {
		err = c.Check()
	}
	if broken := (*broker.Error)(nil); errors.As(err, &broken) {
		err = &hinted{broken, broken.Hint}
	}
	return c, err
}

func (s *settings) clusterConfig(config *server.Config) (*cluster.Config, error) {
	c := &cluster.Config{
		Address: s.ClusterAddress, Listen: s.Listen,
		SeatGrace: time.Duration(config.Room.SeatGraceMs) * time.Millisecond,
	}
	embeds := s.ClusterListen != "" || len(s.ClusterPeers) > 0 || s.ClusterSecretFile != ""
	switch {
	case embeds && s.Cluster != "":
		return nil, &hinted{
			errors.New("cluster and cluster-listen are both set"),
			"keep cluster for NATS servers that you run, or cluster-listen, cluster-peers and cluster-secret-file for embedded ones",
		}
	case s.Cluster != "":
		c.External = &broker.External{
			NodeID: s.ClusterNode, Dir: filepath.Join(s.Data, "cluster"),
			URL: s.Cluster, CredentialsFile: s.ClusterCredentials, SystemCredentialsFile: s.ClusterSystemCredentials,
			TLS: s.clusterTLS(), SyncAssured: s.ClusterSyncAssured == "true",
			MaxFrameBytes: config.MaxFrameBytes,
		}
		return c, nil
	case !embeds && s.hasLooseCluster():
		return nil, &hinted{
			errors.New("settings of a cluster are given without cluster-listen or cluster"),
			"name the NATS servers (--cluster), or the nodes (--cluster-listen, --cluster-peers, --cluster-secret-file)",
		}
	case !embeds:
		return nil, nil
	case s.ClusterListen == "" || len(s.ClusterPeers) == 0 || s.ClusterSecretFile == "":
		return nil, &hinted{
			errors.New("cluster-listen, cluster-peers and cluster-secret-file must be set together"),
			"usher serve --cluster-listen 10.0.0.1:6222 --cluster-peers 10.0.0.1:6222,10.0.0.2:6222,10.0.0.3:6222 --cluster-secret-file secret",
		}
	}
	secret, err := readSecret("cluster-secret-file", s.ClusterSecretFile)
	if err != nil {
		return nil, err
	}
	c.Embedded = &broker.Config{
		NodeID: s.ClusterNode,
		Listen: s.ClusterListen, Peers: s.ClusterPeers, Secret: []byte(secret), Dir: filepath.Join(s.Data, "cluster"),
		TLS: s.clusterTLS(), MaxFrameBytes: config.MaxFrameBytes, MaxStoreBytes: config.MaxStoreBytes,
	}
	return c, nil
}

// hasLooseCluster reports whether there are settings that mean nothing without a cluster, and would
// let somebody believe that there is one.
func (s *settings) hasLooseCluster() bool {
	return s.clusterTLS() != broker.TLSFiles{} || s.ClusterCredentials+s.ClusterSystemCredentials+s.ClusterNode+s.ClusterAddress != ""
}

func (s *settings) clusterTLS() broker.TLSFiles {
	return broker.TLSFiles{CA: s.ClusterTLSCA, Cert: s.ClusterTLSCert, Key: s.ClusterTLSKey}
}
