package resourcecontroller

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// BenchmarkAcquireFree takes and returns rights on running instances.
func BenchmarkAcquireFree(b *testing.B) {
	for _, instances := range []int{1, 100} {
		b.Run(fmt.Sprintf("%d instances", instances), func(b *testing.B) {
			w := newWorld(b, 1000, nil)
			v := w.versions.Put(fctest.Version("f", 1))
			var all []fc.Slot
			for range instances {
				s, err := w.Acquire(b.Context(), w.want(v, "r", 1))
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, s...)
			}
			for _, s := range all {
				_, _ = w.Report(b.Context(), "r", []fc.Usage{usage(s)})
			}
			used := make([]fc.Usage, 1)
			for b.Loop() {
				s, err := w.Acquire(b.Context(), w.want(v, "r", 1))
				if err != nil {
					b.Fatal(err)
				}
				used[0] = usage(s[0])
				_, _ = w.Report(b.Context(), "r", used)
			}
		})
	}
}

// BenchmarkAcquireCold measures from Acquire to its answer with a node that starts at
// once; "to-start-ns/op" is the part until Node.Start is called.
func BenchmarkAcquireCold(b *testing.B) {
	w := newWorld(b, 1000, nil)
	v := w.versions.Put(fctest.Version("f", 1))
	var began, reached time.Time
	var sum time.Duration
	w.nodes[0].Script(func(int, *fc.Version) (time.Duration, error) {
		reached = time.Now()
		return 0, nil
	})
	for b.Loop() {
		began = time.Now()
		s, err := w.Acquire(context.Background(), w.want(v, "r", 1))
		if err != nil {
			b.Fatal(err)
		}
		sum += reached.Sub(began)
		u := usage(s[0])
		u.Gone = true
		b.StopTimer()
		_, _ = w.Report(context.Background(), "r", []fc.Usage{u})
		for w.f().Stopping > 0 {
			runtime.Gosched()
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "to-start-ns/op")
}
