// Package etcd is coordination by etcd: a cluster reached over the network, or one
// server inside this process. What members and leaders do is left to them.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

// Options say how etcd is reached and used. Zero fields take their defaults; the first
// group is Open's alone.
type Options struct {
	Endpoints []string    // host:port or URLs
	TLS       *tls.Config // nil: in clear
	Username  string      // "": no authentication
	Password  string

	Prefix  string        // of all keys; "fcstack/"
	TTL     time.Duration // a dead process is missed after so long, whole seconds; 2 s, embedded 10 s
	Timeout time.Duration // of one question to etcd; 5 s
	Log     *slog.Logger  // slog.Default()
}

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "fcstack/"
	}
	if o.TTL < time.Second {
		o.TTL = 2 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Service is a coordination.Service. Follow and Members return nil when their ctx is
// done, and fc.ErrUnavailable when the service is closed.
type Service struct {
	o      Options
	client *clientv3.Client

	ctx  context.Context // done: closing
	stop context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // leases that are kept; grows only while not closed

	closeOnce sync.Once
	closeErr  error
	closeMore func() // the server, if it is ours
}

var _ coordination.Service = (*Service)(nil)

// Open prepares the use of an etcd cluster. It does not wait for the cluster to answer,
// unless it has to authenticate.
func Open(ctx context.Context, o Options) (*Service, error) {
	o = o.withDefaults()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, TLS: o.TLS, Username: o.Username, Password: o.Password,
		DialTimeout:          o.Timeout,
		DialKeepAliveTime:    5 * time.Second, // servers refuse to be asked more often
		DialKeepAliveTimeout: 3 * time.Second,
		Logger:               zap.NewNop(), // what goes wrong is returned
	})
	if err != nil {
		return nil, fmt.Errorf("open etcd: %w: %w", fc.ErrUnavailable, err)
	}
	return newService(client, o), nil
}

func newService(client *clientv3.Client, o Options) *Service {
	s := &Service{o: o, client: client, closeMore: func() {}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Ping tells whether etcd answers and has a quorum.
func (s *Service) Ping(ctx context.Context) error {
	_, err := s.get(ctx, s.o.Prefix+"ping")
	return err
}

// Close leaves all groups, gives up all leaderships and then closes the connection, and
// the server if it runs in this process.
func (s *Service) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.stop()
		s.wg.Wait()
		if err := s.client.Close(); !errors.Is(err, context.Canceled) {
			s.closeErr = err
		}
		s.closeMore()
	})
	return s.closeErr
}

// spawn runs f in a goroutine that Close waits for; false: s is closed.
func (s *Service) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wg.Go(f)
	}
	return !s.closed
}

// key joins the parts of a key. Names are escaped: a group "a" has nothing to do with a
// group "a/b".
func (s *Service) key(kind string, names ...string) string {
	k := s.o.Prefix + kind
	for _, n := range names {
		k += "/" + url.PathEscape(n)
	}
	return k
}

// within is ctx bounded by the time-out of one question and by the life of s. What is
// over already is an error: a server in this process might answer all the same.
func (s *Service) within(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := errors.Join(ctx.Err(), s.ctx.Err()); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	unhook := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { unhook(); cancel() }, nil
}

// alive is ctx bounded by the life of s.
func (s *Service) alive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { unhook(); cancel() }
}

// failed gives err its kind: the caller's ctx, or etcd that does not answer.
func (s *Service) failed(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case s.ctx.Err() != nil:
		return fmt.Errorf("%s: closed: %w", doing, fc.ErrUnavailable)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	return fmt.Errorf("%s: %w: %v", doing, fc.ErrUnavailable, err) //nolint:errorlint // a deadline of ours is not the caller's
}

func (s *Service) get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	bounded, cancel, err := s.within(ctx)
	if err != nil {
		return nil, s.failed(ctx, "read "+key, err)
	}
	defer cancel()
	resp, err := s.client.Get(bounded, key, opts...)
	return resp, s.failed(ctx, "read "+key, err)
}

func (s *Service) txn(ctx context.Context, cmp []clientv3.Cmp, then ...clientv3.Op) (*clientv3.TxnResponse, error) {
	bounded, cancel, err := s.within(ctx)
	if err != nil {
		return nil, s.failed(ctx, "write", err)
	}
	defer cancel()
	resp, err := s.client.Txn(bounded).If(cmp...).Then(then...).Commit()
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return nil, errLeaseLost
	}
	return resp, s.failed(ctx, "write", err)
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
