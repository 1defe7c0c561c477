package nodeagent

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// dropAnswer is the cheapest fc.ResultWriter.
type dropAnswer struct{ header http.Header }

func (d *dropAnswer) Header() http.Header         { return d.header }
func (d *dropAnswer) Begin(fc.Head)               {}
func (d *dropAnswer) Write(b []byte) (int, error) { return len(b), nil }
func (d *dropAnswer) Flush()                      {}

func benchWarm(b *testing.B, a *Agent, v *fc.Version, kind fc.CallKind) {
	started(b, a, "c-1", v)
	body := strings.Repeat("x", 64)
	out := &dropAnswer{header: http.Header{}}
	reader := strings.NewReader(body)
	in := request("POST", "/echo", nil)
	in.Kind, in.Size = kind, 64
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		in.Body = io.Reader(reader)
		clear(out.header)
		if err := a.Call(b.Context(), "c-1", in, out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWarmEventTCP(b *testing.B) {
	benchWarm(b, openAgent(b, options{}), custom(b, 1), fc.EventCall)
}

func BenchmarkWarmHTTPTCP(b *testing.B) {
	benchWarm(b, openAgent(b, options{}), custom(b, 1), fc.HTTPCall)
}

func BenchmarkWarmEventUnix(b *testing.B) {
	benchWarm(b, openBuiltin(b), builtin(b), fc.EventCall)
}

func BenchmarkWarmGo1(b *testing.B) {
	a := openAgent(b, options{})
	started(b, a, "c-1", goVersion(b))
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Call(b.Context(), "c-1", goEvent("echo", "x"), &dropAnswer{}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchCold measures from nothing to the first answer; the end of an instance is not
// counted. p50 says more than the mean on a busy machine.
func benchCold(b *testing.B, a *Agent, v *fc.Version) {
	n := 0
	var took []time.Duration
	for b.Loop() {
		n++
		id := fc.InstanceID(fmt.Sprintf("c-%d", n))
		began := time.Now()
		started(b, a, id, v)
		if err := a.Call(b.Context(), id, fctest.Event("{}"), &dropAnswer{}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		b.StopTimer()
		if err := a.Stop(b.Context(), id); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	report(b, took)
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[0].Microseconds()), "min-µs")
}

// bareOnce forks, execs, makes one request over an inherited listener, and ends it all.
func bareOnce(b *testing.B, path string) (took time.Duration) {
	began := time.Now()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		b.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(builtCode(b).Key, "bootstrap"))
	cmd.Env, cmd.ExtraFiles = []string{}, []*os.File{f}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	io.WriteString(c, "POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != 200 {
		b.Fatal(err)
	}
	took = time.Since(began)
	c.Close()
	f.Close()
	l.Close()
	os.Remove(path)
	cmd.Process.Kill()
	cmd.Wait()
	return took
}

// BenchmarkColdBare is the yardstick.
func BenchmarkColdBare(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s")
	builtCode(b)
	var took []time.Duration
	for b.Loop() {
		took = append(took, bareOnce(b, path))
	}
	report(b, took)
}

// sixteen runs once in 16 goroutines; the ends count.
func sixteen(b *testing.B, once func(n int64)) {
	var serial atomic.Int64
	b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			once(serial.Add(1))
		}
	})
}

func BenchmarkCold16Bare(b *testing.B) {
	dir := b.TempDir()
	builtCode(b)
	sixteen(b, func(n int64) { bareOnce(b, filepath.Join(dir, fmt.Sprint(n))) })
}

func BenchmarkCold16TCP(b *testing.B) {
	a, v := openAgent(b, options{}), custom(b, 1)
	sixteen(b, func(n int64) {
		id := fc.InstanceID(fmt.Sprintf("c-%d", n))
		if _, err := a.Start(b.Context(), id, v); err != nil {
			b.Error(err)
			return
		}
		if err := a.Call(b.Context(), id, fctest.Event("{}"), &dropAnswer{}); err != nil {
			b.Error(err)
		}
		a.Stop(b.Context(), id)
	})
}

func BenchmarkColdTCP(b *testing.B)  { benchCold(b, openAgent(b, options{}), custom(b, 1)) }
func BenchmarkColdUnix(b *testing.B) { benchCold(b, openBuiltin(b), builtin(b)) }
func BenchmarkColdGo1(b *testing.B)  { benchCold(b, openAgent(b, options{}), goVersion(b)) }
func BenchmarkColdTCPRealPaths(b *testing.B) {
	benchCold(b, openAgent(b, options{noMounts: true}), custom(b, 1))
}
func BenchmarkColdUnixRealPaths(b *testing.B) {
	benchCold(b, openAgent(b, options{noMounts: true, deps: func(d *Deps) { d.Bootstraps = inherits{b.TempDir()} }}), builtin(b))
}
