package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/fcstack/fcstack/platform/fc"
)

// aloneTTL is the TTL of a server of our own. Nobody waits for it to pass, since the next
// process ends all leases; a machine that is short of breath should not lose them.
const aloneTTL = 10 * time.Second

// Embed runs an etcd server with its data in dir inside this process, for this process
// alone: it listens nowhere. Closing the service ends the server.
// fc.ErrUnavailable: another process uses dir.
func Embed(ctx context.Context, dir string, o Options) (*Service, error) {
	if o.TTL == 0 {
		o.TTL = aloneTTL
	}
	o = o.withDefaults()
	srv, err := startServer(ctx, dir, o, "")
	if err != nil {
		return nil, fmt.Errorf("start embedded etcd in %s: %w", dir, err)
	}
	s := newService(v3client.New(srv.etcd.Server), o)
	s.closeMore = srv.close
	if err := s.forgetTheDead(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("clear old leases: %w", err), s.Close())
	}
	return s, nil
}

// forgetTheDead ends the leases that are left from earlier: nobody else uses this
// server, so their holders are gone.
func (s *Service) forgetTheDead(ctx context.Context) error {
	bounded, cancel, err := s.within(ctx)
	if err != nil {
		return s.failed(ctx, "list leases", err)
	}
	defer cancel()
	old, err := s.client.Leases(bounded)
	if err != nil {
		return s.failed(ctx, "list leases", err)
	}
	for _, l := range old.Leases {
		if err := s.revoke(ctx, l.ID); err != nil {
			return err
		}
	}
	return nil
}

// server is an etcd server in this process and its hold on its directory.
type server struct {
	etcd  *embed.Etcd
	lock  *fileutil.LockedFile
	quiet *atomic.Bool // it starts or ends
}

// startServer returns once the server is ready. It listens on the loopback address
// listen, if there is one.
func startServer(ctx context.Context, dir string, o Options, listen string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// etcd itself would wait without end for another server to leave the directory.
	lock, err := fileutil.TryLockFile(filepath.Join(dir, "in-use"), os.O_CREATE|os.O_WRONLY, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, fmt.Errorf("another process uses it: %w", fc.ErrUnavailable)
	}
	if err != nil {
		return nil, err
	}
	quiet := new(atomic.Bool)
	quiet.Store(true)
	e, err := embed.StartEtcd(serverConfig(dir, o, quiet, listen))
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	srv := &server{etcd: e, lock: lock, quiet: quiet}
	ctx, cancel := context.WithTimeout(ctx, 6*o.Timeout)
	defer cancel()
	select {
	case <-e.Server.ReadyNotify():
		quiet.Store(false)
		return srv, nil
	case err = <-e.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	srv.close()
	return nil, err
}

func (s *server) close() {
	s.quiet.Store(true)
	s.etcd.Close()
	s.lock.Close()
}

// The log is preallocated in segments of this size; 64 MB would be far too much here.
var smallSegments = sync.OnceFunc(func() { wal.SegmentSizeBytes = 4 << 20 })

func serverConfig(dir string, o Options, quiet *atomic.Bool, listen string) *embed.Config {
	smallSegments()
	c := embed.NewConfig()
	c.Name = "standalone"
	c.Dir = filepath.Join(dir, "data")
	// A peer address has to be named; with no second member nobody ever calls it.
	self := url.URL{Scheme: "http", Host: "127.0.0.1:2380"}
	c.AdvertisePeerUrls = []url.URL{self}
	c.ListenPeerUrls = nil
	c.InitialCluster = c.Name + "=" + self.String()
	c.ListenClientUrls, c.AdvertiseClientUrls = nil, nil
	if listen != "" {
		client := url.URL{Scheme: "http", Host: listen}
		c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	}
	// One member elects itself: the sooner the election, the sooner it is ready.
	c.TickMs, c.ElectionMs = 20, 100
	c.SnapshotCount, c.SnapshotCatchUpEntries = 2000, 200
	c.MaxSnapFiles, c.MaxWalFiles = 2, 2
	c.QuotaBackendBytes = 256 << 20
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModeRevision, "1000"
	c.EnableGRPCGateway = false
	c.Logger = "zap"
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zapTo(o.Log, quiet))
	return c
}
