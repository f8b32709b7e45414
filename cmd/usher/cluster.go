package main

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
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
		Address: s.ClusterAddress, Listen: s.Listen, LinkListen: s.linkListen(),
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

// linksOff is the cluster-link-listen of a node whose frames go over NATS.
const linksOff = "off"

// linkListen is where other nodes connect for frames, "" for nowhere. By default it is the port
// after that of cluster-listen or, if the ports of the nodes differ because some are on one
// machine, as far after it as keeps it apart from all of theirs.
func (s *settings) linkListen() string {
	if s.ClusterLinkListen == linksOff {
		return ""
	}
	host, port, err := net.SplitHostPort(s.ClusterListen)
	own, portErr := strconv.Atoi(port)
	if s.ClusterLinkListen != "" || err != nil || portErr != nil {
		return s.ClusterLinkListen
	}
	least, most := own, own
	for _, peer := range s.ClusterPeers {
		_, port, _ := net.SplitHostPort(peer)
		if n, err := strconv.Atoi(port); err == nil {
			least, most = min(least, n), max(most, n)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(own+most-least+1))
}

// hasLooseCluster reports whether there are settings that mean nothing without a cluster, and would
// let somebody believe that there is one.
func (s *settings) hasLooseCluster() bool {
	return s.clusterTLS() != broker.TLSFiles{} || s.ClusterCredentials+s.ClusterSystemCredentials+s.ClusterNode+s.ClusterAddress+s.ClusterLinkListen != ""
}

func (s *settings) clusterTLS() broker.TLSFiles {
	return broker.TLSFiles{CA: s.ClusterTLSCA, Cert: s.ClusterTLSCert, Key: s.ClusterTLSKey}
}
