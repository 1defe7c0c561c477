package nodeagent

import (
	"strings"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func TestLinesReachTheSinkWithTheirCall(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]LogLine{}
	a := openAgent(t, options{deps: func(d *Deps) {
		d.Logs = func(l LogLine) {
			mu.Lock()
			defer mu.Unlock()
			seen[string(l.Text)] = l
		}
	}})
	v := custom(t, 1, func(v *fc.Version) { v.Env = map[string]string{"SAY": "up"} })
	started(t, a, "c-1", v)
	get := func(text string) LogLine {
		mu.Lock()
		defer mu.Unlock()
		return seen[text]
	}
	eventually(t, "the line of the start comes", func() bool { return get("up").Instance != "" })
	in := fctest.Event("whisper hello")
	invoke(t, a, "c-1", in)
	eventually(t, "the line of the call comes", func() bool { return get("hello").Instance != "" })
	if l := get("hello"); l.Instance != "c-1" || l.Request != in.RequestID || l.Version != v.Ref() {
		t.Errorf("got %+v", l)
	}
	if l := get("up"); l.Instance != "c-1" || l.Request != "" {
		t.Errorf("before any call: %+v", l)
	}
}

func TestTailOfACustomRuntime(t *testing.T) {
	for _, c := range []struct {
		name        string
		concurrency int
		event       string
		want        func(id string) string
	}{
		{"alone and without marks everything is the call's", 1, "whisper quietly", func(string) string { return "quietly\n" }},
		{"alone with marks what is between them is the call's", 1, "say loudly", func(id string) string {
			return "FC Invoke Start RequestId: " + id + "\nloudly\nFC Invoke End RequestId: " + id + "\n"
		}},
		{"among others only the lines that name it are", 10, "say loudly", func(id string) string {
			return "FC Invoke Start RequestId: " + id + "\nFC Invoke End RequestId: " + id + "\n"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := openAgent(t, options{})
			started(t, a, "c-1", custom(t, c.concurrency))
			in := fctest.Event(c.event)
			in.Tail = true
			h, _ := invoke(t, a, "c-1", in).Head()
			log, last, _ := strings.Cut(string(h.LogTail), "\nDuration: ")
			if log != c.want(in.RequestID) {
				t.Errorf("log %q", log)
			}
			if !strings.Contains(last, " ms, Billed Duration: ") || !strings.Contains(last, " ms, Memory Size: 128 MB, Max Memory Used: ") || h.MemoryMB == 0 {
				t.Errorf("last line %q, memory %d", last, h.MemoryMB)
			}
		})
	}
}
