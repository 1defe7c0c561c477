// Package etcd is coordination by etcd: a server of its own in this process, or a
// cluster elsewhere, both through the one client. Running that cluster is left to its
// operator.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

const (
	// opTimeout bounds one request.
	opTimeout = 5 * time.Second
	// leaseTTL is how long a member or leader that died still counts.
	leaseTTL = 5 * time.Second
	// retryAfter is the pause before something that was lost is taken up again.
	retryAfter = 500 * time.Millisecond
	// prefix keeps the platform's keys apart in a cluster that others use too.
	prefix = "/fcstack/"
)

// Service is a coordination.Service on one client.
type Service struct {
	client *clientv3.Client
	server *embed.Etcd // nil: it is elsewhere
	log    *slog.Logger
}

var _ coordination.Service = (*Service)(nil)

// Options say how to reach a cluster.
type Options struct {
	Endpoints []string // host:port or URL
	TLS       *tls.Config
	Username  string // "": without authentication
	Password  string
	Log       *slog.Logger
}

// Open makes a client of a cluster. It does not wait for the cluster to be there.
func Open(o Options) (*Service, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, TLS: o.TLS, Username: o.Username, Password: o.Password,
		DialTimeout: opTimeout, DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		AutoSyncInterval: 0, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	return &Service{client: client, log: o.Log}, nil
}

// Embed runs a server with its data in dir and opens it. The server listens nowhere:
// its only client is in this process.
func Embed(ctx context.Context, dir string, log *slog.Logger) (*Service, error) {
	nowhere := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.ListenClientUrls, cfg.ListenPeerUrls = []url.URL{}, []url.URL{}
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = []url.URL{nowhere}, []url.URL{nowhere}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	// There is no network between the members, so the clock may tick fast.
	cfg.TickMs, cfg.ElectionMs = 10, 100
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = "periodic", "10m"
	cfg.SnapshotCount = 5000
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(quietLogger(log))
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded etcd in %s: %w", dir, err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return &Service{client: v3client.New(server.Server), server: server, log: log}, nil
	case err = <-server.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	server.Close()
	return nil, fmt.Errorf("embedded etcd in %s: %w", dir, err)
}

// Ping tells whether a quorum answers.
func (s *Service) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	_, err := s.client.Get(ctx, prefix+"ping")
	return unavailable("ping", err)
}

// Close ends the client, and the server if it is ours.
func (s *Service) Close() error {
	err := s.client.Close()
	if s.server != nil {
		s.server.Close()
		if errors.Is(err, context.Canceled) {
			err = nil // the client in the process says so
		}
	}
	return err
}

// unavailable gives err the kind that says: try again.
func unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("etcd: %s: %w: %w", doing, fc.ErrUnavailable, err)
}

// pause waits before something is tried again; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
