package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"usher/room"
	"usher/server"
	"usher/server/auth"
	"usher/server/edge"
	"usher/server/tracing"
)

// serverConfig turns the settings into a server.Config and validates it.
func (s *settings) serverConfig() (server.Config, error) {
	config := server.DefaultConfig()
	config.Listen, config.Page, config.DataDir = s.Listen, s.Page == "true", s.Data
	config.Room = s.roomConfig()
	config.MaxFrameBytes, config.MaxPendingBytes = int(s.MaxFrame), int(s.MaxPending)
	config.MaxStoreBytes = int64(s.MaxStore)
	config.MaxConnsPerAddress, config.MaxRoomsPerAddress = int(s.MaxConnectionsPerAddress), int(s.MaxRoomsPerAddress)
	config.MaxMemoryBytes = int64(s.MaxMemory)
	config.AddressRequests = edge.Rate{PerSecond: int(s.AddressRequestRate), Burst: int(s.AddressRequestBurst)}
	config.AddressJoins = edge.Rate{PerSecond: int(s.AddressJoinRate), Burst: int(s.AddressJoinBurst)}
	config.AddressMessages = edge.Rate{PerSecond: int(s.AddressMessageRate), Burst: int(s.AddressMessageBurst)}
	config.AddressBytes = edge.Rate{PerSecond: int(s.AddressByteRate), Burst: int(s.AddressByteBurst)}
	config.MetricsListen = s.MetricsListen
	var err error
	if config.Trace, err = tracing.ConfigOf(s.OTLPEndpoint, os.Getenv); err != nil {
		return config, err
	}
	config.AllowOrigins, config.TrustedProxies = s.AllowOrigin, s.TrustedProxy
	config.ICEServers, config.TURNTTL, config.TURNOpen = s.ICEServer, time.Duration(s.TURNTTL), s.TURNOpen == "true"
	config.Auth = auth.Config{
		KeyFile: s.AuthJWTKey, KeySetURL: s.AuthJWKS, Issuer: s.AuthIssuer, Audience: s.AuthAudience,
		Leeway: time.Duration(s.AuthLeeway), MayCreate: s.AuthCreate == "true",
	}
	config.APIKeyFile, config.AdminTokenFile = s.APIKeyFile, s.AdminToken
	config.Webhook = server.Webhook{
		URL: s.WebhookURL, SecretFile: s.WebhookSecretFile, Events: s.WebhookEvents, Queue: int(s.WebhookQueue), RetryFor: time.Duration(s.WebhookRetryFor),
		AllowPrivate: s.WebhookAllowPrivate == "true", AllowHTTP: s.WebhookAllowHTTP == "true",
	}
	config.AuditLog, config.AuditNames = s.AuditLog, s.AuditNames == "true"
	config.FlightRecorderBytes = int64(s.FlightRecorder)
	config.ListRooms = s.ListRooms == "true"
	config.TLSCert, config.TLSKey, config.TLSDomains = s.TLSCert, s.TLSKey, s.TLSDomain
	config.ACMEDirectory, config.ACMEEmail = s.ACMEDirectory, s.ACMEEmail
	config.DrainSpread, config.DrainTimeout = time.Duration(s.DrainSpread), time.Duration(s.DrainTimeout)

	if config.TURNSecret, err = s.turnSecret(); err != nil {
		return config, err
	}
	config.TURNKeyID = s.TURNKeyID
	config.TURNRelay = server.TURNRelay{
		Listen: s.TURNListen, ListenTLS: s.TURNTLSListen, PublicIP: s.TURNPublicAddress.Addr, Host: s.TURNHost,
		MinPort: s.TURNPorts.low, MaxPort: s.TURNPorts.high, AllowPeers: s.TURNAllowPeers,
		MaxAllocations: int(s.TURNSeatAllocations), Bandwidth: int(s.TURNSeatBandwidth), MaxLifetime: time.Duration(s.TURNLifetime),
	}
	if s.TURNKeyTokenFile != "" {
		if config.TURNKeyToken, err = readSecret("turn-key-token-file", s.TURNKeyTokenFile); err != nil {
			return config, err
		}
	}
	if config.Cluster, err = s.cluster(&config); err != nil {
		return config, err
	}
	return config, config.Validate()
}

func (s *settings) roomConfig() room.Config {
	// validated as one of the choices
	rejoin, _ := room.ParseTokenlessRejoin(string(s.TokenlessRejoin))
	return room.Config{
		SeatGraceMs:           s.SeatGrace.ms(),
		IdleMs:                s.IdleTimeout.ms(),
		RoomIdleMs:            s.RoomIdle.ms(),
		EmptyRoomMs:           s.EmptyRoom.ms(),
		MaxKeepMs:             s.MaxKeep.ms(),
		PingIntervalMs:        s.PingInterval.ms(),
		TokenlessRejoin:       rejoin,
		MaxPeople:             int(s.MaxPeople),
		KnockWaitMs:           s.KnockWait.ms(),
		MaxKnocks:             int(s.MaxKnocks),
		MessagesPerSecond:     int(s.MessageRate),
		MessageBurst:          int(s.MessageBurst),
		BytesPerSecond:        int(s.ByteRate),
		ByteBurst:             int(s.ByteBurst),
		OutputPerSecond:       int(s.OutputRate),
		OutputBurst:           int(s.OutputBurst),
		RoomOutputPerSecond:   int(s.RoomOutputRate),
		RoomOutputBurst:       int(s.RoomOutputBurst),
		RoomRequestsPerSecond: int(s.RoomRequestRate),
		RoomRequestBurst:      int(s.RoomRequestBurst),
		PingTimeoutMs:         room.DefaultConfig().PingTimeoutMs,
	}
}

// turnSecret returns the secret itself or the contents of its file.
func (s *settings) turnSecret() (string, error) {
	if s.TURNSecretFile == "" {
		return s.TURNSecret, nil
	}
	if s.TURNSecret != "" {
		return "", &hinted{
			errors.New("turn-secret and turn-secret-file are both set"),
			"keep turn-secret-file and remove turn-secret",
		}
	}
	return readSecret("turn-secret-file", s.TURNSecretFile)
}

// readSecret returns the contents of a setting's file, without the newline that editors and echo
// put at the end.
func readSecret(setting, file string) (string, error) {
	data, err := readText(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	secret := string(bytes.TrimSpace(data))
	if secret == "" {
		return "", fmt.Errorf("%s: %s is empty", setting, file)
	}
	return secret, nil
}
