package ports

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

func TestPortsAreFreeAndHandedOutOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	a, b := New(taken-3, taken+3), New(taken-3, taken+3)
	seen := map[int]bool{}
	var all []*Port
	for _, p := range []*Pool{a, b, a, b} {
		o, err := p.Take()
		if err != nil {
			t.Skipf("the ports around %d are in use: %v", taken, err)
		}
		if o.Number == taken {
			t.Error("a port that somebody listens on was handed out")
		}
		if seen[o.Number] && runtime.GOOS == "linux" { // elsewhere agents cannot tell each other
			t.Errorf("port %d was handed out twice, to two agents or to one", o.Number)
		}
		seen[o.Number] = true
		all = append(all, o)
		l, err := net.Listen("tcp", ":"+strconv.Itoa(o.Number))
		if err != nil {
			t.Errorf("a function could not listen on its port: %v", err)
			continue
		}
		l.Close()
	}
	for {
		o, err := a.Take()
		if err != nil {
			if !errors.Is(err, fc.ErrUnavailable) {
				t.Errorf("no port is left: %v", err)
			}
			break
		}
		all = append(all, o)
	}
	for _, o := range all {
		o.release()
	}
}

func TestAwait(t *testing.T) {
	p := New(21000, 29999)
	open := func(t *testing.T) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	number := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	given, err := p.Take()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Give(given)
	gone := make(chan struct{})
	close(gone)
	own := open(t)
	for _, c := range []struct {
		name string
		wait Wait
		want error
	}{
		{"a server on its given port is found", Wait{Given: number(open(t)), Within: time.Minute}, nil},
		{"one on its own port is found", Wait{Given: given.Number, Own: number(own), Listens: func(port int) bool { return port == number(own) }, Within: time.Minute}, nil},
		{"somebody else on that port is not it", Wait{Given: given.Number, Own: number(own), Listens: func(int) bool { return false }, Within: 200 * time.Millisecond}, ErrLate},
		{"the end of the process ends it", Wait{Given: given.Number, Exited: gone, Listens: func(int) bool { return false }, Within: time.Minute}, ErrExited},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := p.Await(t.Context(), c.wait)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil {
				conn.Close()
			}
		})
	}
	t.Run("the caller's end ends it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Await(ctx, Wait{Given: given.Number, Listens: func(int) bool { return false }, Within: time.Minute}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
