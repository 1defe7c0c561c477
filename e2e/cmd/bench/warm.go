//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// A path is one way to the function that is loaded: what is sent where, and which
// processes serve it.
type path struct {
	name string
	addr string
	host string  // of the requests
	sign *signer // set: signed InvokeFunction requests instead of plain ones
	pids func() []int
}

// A course is the same function to be reached on four ways.
type course struct {
	bare, proxied, trigger, invoke path
	stops                          []func() error
}

// A seen is what a path showed, by connection count, one value a round.
type seen struct {
	rate, cpu, p50 map[int][]float64
	wrong          int
	first          string
	others         float64 // most of the machine that others used during a slice that counts
}

func newSeen() *seen {
	return &seen{rate: map[int][]float64{}, cpu: map[int][]float64{}, p50: map[int][]float64{}}
}

// course starts the bare function, the stock proxy before it, and a platform with the
// function on it.
func (b *bench) course(ctx context.Context) (c *course, err error) {
	c = &course{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	binary, zip, err := b.echoBinary()
	if err != nil {
		return c, err
	}
	function, err := c.serve(binary)
	if err != nil {
		return c, err
	}
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	proxy, err := c.serve(self, "proxy", function.addr)
	if err != nil {
		return c, err
	}
	local := func(pids ...int) func() []int { return func() []int { return pids } }
	c.bare = path{name: "bare", addr: function.addr, host: function.addr, pids: local(function.pid())}
	c.proxied = path{name: "proxy", addr: proxy.addr, host: proxy.addr, pids: local(function.pid(), proxy.pid())}
	return c, c.deploy(ctx, b, zip)
}

func (c *course) serve(name string, args ...string) (*server, error) {
	s, err := serve(name, args...)
	if err == nil {
		c.stops = append(c.stops, func() error { s.stop(); return nil })
	}
	return s, err
}

// deploy starts the platform and creates the function with its trigger.
func (c *course) deploy(ctx context.Context, b *bench, zip string) error {
	p, err := b.platform(ctx)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, p.Stop)
	client, err := p.Client()
	if err != nil {
		return err
	}
	if err := createEcho(client, "echo", zip); err != nil {
		return err
	}
	at, err := createTrigger(client, "echo")
	if err != nil {
		return err
	}
	all := func() []int { return tree(p.PID) }
	c.trigger = path{name: "trigger", addr: p.Host(), host: at.Host, pids: all}
	c.invoke = path{name: "invoke", addr: p.Host(), sign: sign(p, "echo"), pids: all}
	return nil
}

func (c *course) stop() error {
	var errs []error
	for _, s := range c.stops {
		errs = append(errs, s())
	}
	return errors.Join(errs...)
}

// quiet is the share of the machine that others may use during a slice, and repeats is
// how often a slice is tried again because they used more.
const (
	quiet   = 0.06
	repeats = 2
)

// load runs one slice of a path, again if the machine was not quiet meanwhile.
func (p path) load(conns int, slice time.Duration, body []byte, tear bool, into *seen) error {
	j := job{Addr: p.addr, Conns: conns, Time: slice, Warm: slice / 5, Body: body, Sign: p.sign, Tear: tear}
	if p.sign == nil {
		j.Request = post(p.host, "/", body)
	}
	for try := 0; ; try++ {
		pids := p.pids()
		began, all, before := time.Now(), busy(), cpu(pids)
		r, err := j.run()
		if err != nil {
			return fmt.Errorf("%s at %d connections: %w", p.name, conns, err)
		}
		used := cpu(p.pids()) - before
		others := (busy() - all - used - r.CPU).Seconds() / (time.Since(began).Seconds() * float64(runtime.NumCPU()))
		into.wrong += r.Wrong
		into.first = cmp.Or(into.first, r.First)
		if others > quiet && try < repeats {
			continue
		}
		into.others = max(into.others, others)
		into.rate[conns] = append(into.rate[conns], r.rate())
		into.cpu[conns] = append(into.cpu[conns], float64(used.Microseconds())/float64(max(1, r.All)))
		into.p50[conns] = append(into.p50[conns], float64(r.P50.Microseconds()))
		return nil
	}
}

// warm compares the four ways with 64 bytes at 1, 8 and 64 connections.
func (b *bench) warm(ctx context.Context) error {
	c, err := b.course(ctx)
	if err != nil {
		return err
	}
	paths := []path{c.bare, c.proxied, c.trigger, c.invoke}
	figures := map[string]*seen{}
	for _, p := range paths {
		figures[p.name] = newSeen()
		err = errors.Join(err, p.load(8, b.slice/2, payload(64), false, newSeen()))
	}
	for range b.rounds {
		for _, conns := range []int{1, 8, 64} {
			for _, p := range paths {
				if err == nil && ctx.Err() == nil {
					err = p.load(conns, b.slice, payload(64), false, figures[p.name])
				}
			}
		}
	}
	if err := errors.Join(err, ctx.Err(), c.stop()); err != nil {
		return err
	}
	b.warmRows(figures["bare"], figures["proxy"], figures["trigger"], figures["invoke"])
	return nil
}

func (b *bench) warmRows(bare, proxied, trigger, invoke *seen) {
	worst := 100 * max(bare.others, proxied.others, trigger.others, invoke.others)
	b.table.add("warm: the machine's CPU that others used", worst, "%", 0, goal{})
	for _, conns := range []int{1, 8, 64} {
		direct, yard := median(bare.rate[conns]), median(proxied.rate[conns])
		at := fmt.Sprintf(" at %d", conns)
		want := 1.9
		if conns == 1 {
			want = 1.4
		}
		b.table.add("warm: bare function"+at, direct, "req/s", 0, goal{})
		b.table.add("warm: stock proxy to bare"+at, yard, "req/s", direct, goal{})
		b.table.add("warm: HTTP trigger to bare"+at, median(trigger.rate[conns]), "req/s", direct, goal{})
		b.table.add("warm: HTTP trigger to stock proxy"+at, median(trigger.rate[conns]), "req/s", yard, ratioAtLeast(want))
		b.table.add("warm: signed invoke to stock proxy"+at, median(invoke.rate[conns]), "req/s", yard, ratioAtLeast(1.5))
		for _, s := range []struct {
			name string
			*seen
		}{{"bare function", bare}, {"stock proxy", proxied}, {"HTTP trigger", trigger}, {"signed invoke", invoke}} {
			b.table.add("warm: server CPU, "+s.name+at, median(s.cpu[conns]), "us/req", 0, goal{})
		}
		over := goal{}
		if conns == 64 {
			over = atMost(45, "us/req")
		}
		b.table.add("warm: HTTP trigger's CPU above bare"+at, median(trigger.cpu[conns])-median(bare.cpu[conns]), "us/req", 0, over)
		b.table.add("warm: p50 of HTTP trigger to stock proxy"+at, median(trigger.p50[conns]), "us", median(proxied.p50[conns]), goal{})
	}
}

// bodies echoes large bodies at 8 connections and compares every byte. A wrong answer
// of the stock proxy is counted too: it truncates about one in a thousand.
func (b *bench) bodies(ctx context.Context) error {
	c, err := b.course(ctx)
	if err != nil {
		return err
	}
	const conns = 8
	var done []func()
	for _, size := range []int{64 << 10, 1 << 20} {
		figures := map[string]*seen{"bare": newSeen(), "proxy": newSeen(), "trigger": newSeen()}
		for range b.rounds {
			for _, p := range []path{c.bare, c.proxied, c.trigger} {
				if err == nil && ctx.Err() == nil {
					err = p.load(conns, b.slice, payload(size), true, figures[p.name])
				}
			}
		}
		done = append(done, func() { b.bodyRows(fmt.Sprintf("echo of %d KiB: ", size>>10), conns, figures) })
	}
	if err := errors.Join(err, ctx.Err(), c.stop()); err != nil {
		return err
	}
	for _, print := range done {
		print()
	}
	return nil
}

func (b *bench) bodyRows(name string, conns int, figures map[string]*seen) {
	direct, yard := median(figures["bare"].rate[conns]), median(figures["proxy"].rate[conns])
	b.table.add(name+"bare function", direct, "req/s", 0, goal{})
	b.table.add(name+"stock proxy to bare", yard, "req/s", direct, goal{})
	b.table.add(name+"HTTP trigger to bare", median(figures["trigger"].rate[conns]), "req/s", direct, goal{})
	b.table.add(name+"HTTP trigger to stock proxy", median(figures["trigger"].rate[conns]), "req/s", yard, goal{})
	b.table.add(name+"wrong answers of the stock proxy", float64(figures["proxy"].wrong), "count", 0, goal{})
	b.table.add(name+"wrong answers of the HTTP trigger", float64(figures["trigger"].wrong), "count", 0, atMost(0, "count"))
	if first := figures["trigger"].first; first != "" {
		fmt.Fprintf(b.table.out, "  the first: %s\n", first)
	}
}
