package resourcecontroller

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

func TestScale(t *testing.T) {
	const ms = time.Millisecond
	base := demand{Concurrency: 1, Room: 100, Parallel: 100}
	with := func(change func(*demand)) demand { d := base; change(&d); return d }
	for _, c := range []struct {
		name string
		d    demand
		want int
	}{
		{"nobody waits", base, 0},
		{"nothing known: one each", with(func(d *demand) { d.Waiting = 16 }), 16},
		{"nothing known: concurrency counts", with(func(d *demand) { d.Waiting, d.Concurrency = 17, 8 }), 3},
		{"nothing known: what starts counts", with(func(d *demand) { d.Waiting, d.Starting = 16, 10 }), 6},
		{"room bounds", with(func(d *demand) { d.Waiting, d.Room = 16, 3 }), 3},
		{"starts at a time bound", with(func(d *demand) { d.Waiting, d.Starting, d.Parallel = 16, 2, 4 }), 2},
		{"somebody tries even without room", with(func(d *demand) { d.Waiting, d.Room = 16, 0 }), 1},
		{"1 ms calls, 30 ms starts, one runs: what is left after a start is little",
			with(func(d *demand) { d.Waiting, d.Running, d.Service, d.Start = 63, 1, ms, 30*ms }), 1},
		{"1 ms calls, 30 ms starts, three run: they do it themselves",
			with(func(d *demand) { d.Waiting, d.Running, d.Service, d.Start = 64, 3, ms, 30*ms }), 0},
		{"1 ms calls, nothing runs: enough to be done within another start",
			with(func(d *demand) { d.Waiting, d.Service, d.Start = 64, ms, 30*ms }), 3},
		{"long calls: one each", with(func(d *demand) { d.Waiting, d.Running, d.Service, d.Start = 20, 1, time.Minute, 30*ms }), 20},
		{"calls as long as a start: what will not be done by then",
			with(func(d *demand) { d.Waiting, d.Running, d.Service, d.Start = 20, 5, 30*ms, 30*ms }), 10},
		{"who waits too long gets one whatever the estimate says",
			with(func(d *demand) { d.Waiting, d.Overdue, d.Running, d.Service, d.Start = 4, 2, 3, ms, 30*ms }), 2},
		{"a failing version is tried once at a time", with(func(d *demand) { d.Waiting, d.Failing, d.Held = 16, true, true }), 1},
		{"and not twice", with(func(d *demand) { d.Waiting, d.Failing, d.Starting = 16, true, 1 }), 0},
		{"while others serve, a failed start rests", with(func(d *demand) { d.Waiting, d.Failing, d.Held, d.Running = 16, true, true, 1 }), 0},
		{"and is tried again after that", with(func(d *demand) { d.Waiting, d.Failing, d.Running = 16, true, 1 }), 1},
		{"what the first calls take is worth a short wait", with(func(d *demand) { d.Waiting, d.Running, d.Learning = 16, 1, true }), 0},
		{"blocked is blocked", with(func(d *demand) { d.Waiting, d.Blocked = 16, true }), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scale(c.d); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
	t.Run("it never asks for more than allowed, nor leaves all waiting for nothing", func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 100_000 {
			d := demand{
				Waiting: r.IntN(200), Running: r.IntN(10), Starting: r.IntN(10), Concurrency: 1 + r.IntN(20),
				Room: r.IntN(20) - 5, Parallel: 1 + r.IntN(20), Overdue: r.IntN(10),
				Service: time.Duration(r.Int64N(int64(time.Second))), Start: time.Duration(r.Int64N(int64(time.Second))),
				Failing: r.IntN(4) == 0, Held: r.IntN(4) == 0,
			}
			n, up := scale(d), d.Running+d.Starting
			if n < 0 || up > 0 && n > max(0, min(d.Room, d.Parallel-d.Starting)) {
				t.Fatalf("%+v: %d", d, n)
			}
			if d.Waiting > 0 && up == 0 && n < 1 {
				t.Fatalf("%+v: nothing is tried", d)
			}
		}
	})
}

func TestChoose(t *testing.T) {
	now := time.Now()
	inst := func(id string, granted int, ago time.Duration) *instance {
		return &instance{Instance: fc.Instance{ID: fc.InstanceID(id), Concurrency: 4}, granted: granted, used: now.Add(-ago)}
	}
	for _, c := range []struct {
		name string
		all  []*instance
		want string
	}{
		{"none", nil, ""},
		{"all full", []*instance{inst("a", 4, 0)}, ""},
		{"the fullest with a right left", []*instance{inst("a", 1, 0), inst("b", 3, 9), inst("c", 4, 0)}, "b"},
		{"of equals the one used last", []*instance{inst("a", 0, 9), inst("b", 0, 1), inst("c", 0, 5)}, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if i := choose(c.all); i != nil {
				got = string(i.ID)
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestPick(t *testing.T) {
	spare := []fc.Lease{{ID: "0", Node: "a"}, {ID: "1", Node: "b"}, {ID: "2", Node: "c"}}
	know := func(n fc.NodeID) standing {
		return map[fc.NodeID]standing{"a": {Instances: 5}, "b": {Instances: 2, Siblings: 1}, "c": {Instances: 2}}[n]
	}
	avoidC := func(n fc.NodeID) standing { s := know(n); s.Avoid = n == "c"; return s }
	for _, c := range []struct {
		name   string
		prefer []fc.NodeID
		know   func(fc.NodeID) standing
		must   bool
		want   int
	}{
		{"the least loaded, away from its siblings", nil, know, false, 2},
		{"where the code is", []fc.NodeID{"a"}, know, false, 0},
		{"none where the code is not", []fc.NodeID{"x"}, know, false, -1},
		{"unless it must", []fc.NodeID{"x"}, know, true, 2},
		{"not where starts fail", nil, avoidC, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := pick(spare, c.prefer, c.know, c.must); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestQueue(t *testing.T) {
	fill := func(routers string) *queue {
		q := new(queue)
		for i, r := range strings.Split(routers, "") {
			q.push(&waiter{router: r, want: 1, seq: uint64(i)})
		}
		return q
	}
	drain := func(q *queue) string {
		s := ""
		for q.length > 0 {
			s += q.pop().router
		}
		return s
	}
	t.Run("routers take turns", func(t *testing.T) {
		if got := drain(fill("aaaabbc")); got != "abcabaa" {
			t.Error(got)
		}
	})
	t.Run("turns survive those who leave and come", func(t *testing.T) {
		q := fill("aaabbb")
		q.pop()
		for _, w := range q.upTo(3) {
			if q.remove(w) {
				t.Error("removed twice")
			}
		}
		q.push(&waiter{router: "c", want: 2, seq: 9})
		if q.length != 3 || q.wanted != 4 {
			t.Errorf("length %d, wanted %d", q.length, q.wanted)
		}
		if got := drain(q); len(got) != 3 || q.wanted != 0 {
			t.Error(got, q.wanted)
		}
	})
}

func TestAverage(t *testing.T) {
	var a average
	a.add(time.Second, 1)
	if a.value != time.Second {
		t.Errorf("first sample: %v", a.value)
	}
	for range 30 {
		a.add(10*time.Millisecond, 1)
	}
	if a.value > 20*time.Millisecond || a.value < 10*time.Millisecond {
		t.Errorf("after many: %v", a.value)
	}
	a.atLeast(time.Minute)
	if a.value != time.Minute {
		t.Errorf("a call that runs on: %v", a.value)
	}
	a.add(time.Millisecond, 10000)
	if a.value != time.Millisecond {
		t.Errorf("many at once: %v", a.value)
	}
}

func TestConfig(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Config){
		"grantFor":   func(c *Config) { c.GrantFor = 0 },
		"queueLimit": func(c *Config) { c.QueueLimit = 0 },
		"spare":      func(c *Config) { c.Spare = -1 },
	} {
		cfg := Default()
		spoil(&cfg)
		if err := cfg.Validate(); !errors.Is(err, fc.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := New(Default(), Deps{}); !errors.Is(err, fc.ErrInvalid) {
		t.Errorf("without dependencies: %v", err)
	}
}
