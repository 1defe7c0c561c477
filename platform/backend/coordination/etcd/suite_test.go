package etcd

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/backend/coordination/coordinationtest"
)

var silent = slog.New(slog.DiscardHandler)

func testServer(t *testing.T, listen string) *server {
	t.Helper()
	srv, err := startServer(t.Context(), t.TempDir(), Options{Log: silent}.withDefaults(), listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.close)
	return srv
}

func closing(t *testing.T, s *Service) *Service {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func connect(t *testing.T, srv *server) *Service {
	o := Options{TTL: time.Second, Log: silent}.withDefaults()
	return closing(t, newService(v3client.New(srv.etcd.Server), o))
}

func TestEmbedded(t *testing.T) {
	srv := testServer(t, "")
	coordinationtest.Test(t, func(t *testing.T) coordination.Service { return connect(t, srv) })
}

func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	testServer(t, address)
	coordinationtest.Test(t, func(t *testing.T) coordination.Service { return dial(t, address) })
}

// TestCluster runs the suite against a real cluster, FC_TEST_ETCD=host:port,host:port.
func TestCluster(t *testing.T) {
	endpoints := os.Getenv("FC_TEST_ETCD")
	if endpoints == "" {
		t.Skip("FC_TEST_ETCD names no cluster")
	}
	prefix := filepath.Base(t.TempDir()) + time.Now().Format(time.RFC3339Nano) + "/"
	coordinationtest.Test(t, func(t *testing.T) coordination.Service {
		s, err := Open(t.Context(), Options{Endpoints: strings.Split(endpoints, ","), Prefix: prefix, TTL: time.Second, Log: silent})
		if err != nil {
			t.Fatal(err)
		}
		return closing(t, s)
	})
}

func dial(t *testing.T, addresses ...string) *Service {
	t.Helper()
	s, err := Open(t.Context(), Options{Endpoints: addresses, TTL: time.Second, Log: silent})
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, s)
}

// freeAddress is a loopback address that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
