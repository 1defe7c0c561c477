//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

//go:embed bare.py
var barePython []byte

//go:embed bare.js
var bareNode []byte

// A language is one kind of function that is started cold.
type language struct {
	name    string
	runtime string
	handler string
	files   map[string][]byte // the package
	program string            // the interpreter's name; "": the function itself
	bare    []byte            // script of the bare server; nil: the function itself
	goal    goal
}

// coldFigures are one value a round.
type coldFigures struct {
	bare, platform         []float64 // median of a round, ms
	bareRate, platformRate []float64 // starts a second, 16 at a time
}

const parallel = 16

var coldBody = payload(64)

// cold compares the first answer of a function that has no instance with a process
// that is started bare and asked once.
func (b *bench) cold(ctx context.Context) (err error) {
	binary, err := harness.GoBinary("e2e/functions/echo")
	if err != nil {
		return err
	}
	p, err := b.platform(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	runtimes := []language{
		{name: "Go", runtime: "custom.debian12", handler: "main", files: map[string][]byte{"bootstrap": binary}, goal: ratioAtMost(2)},
		{name: "Python", runtime: "python3.10", handler: "index.handler", program: "python", bare: barePython, goal: ratioAtMost(2),
			files: map[string][]byte{"index.py": []byte("def handler(event, context):\n    return event\n")}},
		{name: "Node", runtime: "nodejs20", handler: "index.handler", program: "node", bare: bareNode, goal: ratioAtMost(1.3),
			files: map[string][]byte{"index.js": []byte("exports.handler = async (event) => event\n")}},
	}
	for _, r := range runtimes {
		if err := b.coldRuntime(ctx, p, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func (b *bench) coldRuntime(ctx context.Context, p *harness.Platform, r language) error {
	side := &coldSide{bench: b, platform: p, runtime: r, idle: len(tree(p.PID))}
	var err error
	if side.client, err = p.Client(); err != nil {
		return err
	}
	// The first start unpacks the code and shows which interpreter the platform uses.
	if _, err := side.batch(1, 1); err != nil {
		if r.program != "" && harness.ErrorOf(err).Status != 0 {
			fmt.Fprintf(b.table.out, "  %s is skipped: %v\n", r.name, err)
			return nil
		}
		return err
	}
	if err := side.prepareBare(); err != nil {
		return err
	}
	var f coldFigures
	for range b.rounds {
		if err := side.round(ctx, &f); err != nil {
			return err
		}
	}
	name := "cold: " + r.name
	b.table.add(name+", first answer", median(f.platform), "ms", median(f.bare), r.goal)
	b.table.add(fmt.Sprintf("%s, rate at %d", name, parallel), median(f.platformRate), "1/s", median(f.bareRate), ratioAtLeast(0.6))
	return nil
}

// coldSide starts one runtime in both ways.
type coldSide struct {
	bench    *bench
	platform *harness.Platform
	client   *sdk.Client
	runtime  language
	command  []string // of the bare process
	program  string   // interpreter that the platform used
	made     int      // functions so far
	idle     int      // processes of the platform while no function runs
}

// round measures bare and platform, one at a time and many at once.
func (s *coldSide) round(ctx context.Context, f *coldFigures) error {
	n := s.bench.starts
	for _, step := range []struct {
		run      func(n, workers int) ([]float64, error)
		workers  int
		into     *[]float64
		intoRate *[]float64
	}{
		{s.bareBatch, 1, &f.bare, nil}, {s.batch, 1, &f.platform, nil},
		{s.bareBatch, parallel, nil, &f.bareRate}, {s.batch, parallel, nil, &f.platformRate},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := n
		if step.workers > 1 {
			count = max(n, 2*step.workers)
		}
		took, err := step.run(count, step.workers)
		if err != nil {
			return err
		}
		if step.into != nil {
			*step.into = append(*step.into, median(took[:count]))
		} else {
			*step.intoRate = append(*step.intoRate, float64(count)/took[count]*1000)
		}
	}
	return nil
}

// batch makes n functions, calls each of them once by that many workers, and removes
// them. It returns the milliseconds of each call and, last, of all together.
func (s *coldSide) batch(n, workers int) (took []float64, err error) {
	zip := harness.Zip(s.runtime.files)
	names := make([]string, n)
	for i := range names {
		s.made++
		names[i] = fmt.Sprintf("cold-%s-%d", strings.ToLower(s.runtime.name), s.made)
		_, err := s.client.CreateFunction(&sdk.CreateFunctionRequest{Body: &sdk.CreateFunctionInput{
			FunctionName: &names[i], Runtime: &s.runtime.runtime, Handler: &s.runtime.handler,
			MemorySize: new(int32(128)), Cpu: new(float32(0.1)), Code: &sdk.InputCodeLocation{ZipFile: &zip},
		}})
		if err != nil {
			return nil, err
		}
	}
	took, err = inParallel(n, workers, func(i int) error {
		return once(s.platform.Host(), sign(s.platform, names[i]).next(coldBody), coldBody)
	})
	if s.program == "" {
		s.program = interpreter(s.platform.PID, s.runtime.program)
	}
	for _, name := range names {
		_, gone := s.client.DeleteFunction(&name)
		err = errors.Join(err, gone)
	}
	return took, errors.Join(err, s.wait())
}

// wait returns once the platform has ended its instances, so that they take no CPU
// from what is measured next.
func (s *coldSide) wait() error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if len(tree(s.platform.PID)) <= s.idle {
			return nil
		}
	}
	return fmt.Errorf("instances of deleted functions still run after a minute: %v", tree(s.platform.PID))
}

func (s *coldSide) bareBatch(n, workers int) ([]float64, error) {
	return inParallel(n, workers, func(int) error {
		p, err := serve(s.command[0], s.command[1:]...)
		if err != nil {
			return err
		}
		defer p.stop()
		return once(p.addr, post(p.addr, "/", coldBody), coldBody)
	})
}

// prepareBare decides on the command of the bare process: the function's own binary,
// or the smallest server there is in the interpreter that the platform used.
func (s *coldSide) prepareBare() error {
	if s.runtime.bare == nil {
		path, _, err := s.bench.echoBinary()
		s.command = []string{path}
		return err
	}
	if s.program == "" {
		return fmt.Errorf("no process of the platform runs %s", s.runtime.program)
	}
	script := filepath.Join(s.bench.dir, "bare-"+s.runtime.name)
	s.command = []string{s.program, script}
	if s.runtime.program == "python" {
		s.command = []string{s.program, "-S", "-E", script}
	}
	return os.WriteFile(script, s.runtime.bare, 0o644)
}

// interpreter is the path of the executable below pid whose name begins with name.
func interpreter(pid int, name string) string {
	for _, p := range tree(pid)[1:] {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p))
		if err == nil && name != "" && strings.HasPrefix(filepath.Base(exe), name) {
			return exe
		}
	}
	return ""
}

// inParallel does n things by that many workers and returns the milliseconds of each
// and, last, of all together.
func inParallel(n, workers int, do func(i int) error) ([]float64, error) {
	took := make([]float64, n+1)
	errs := make([]error, n)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	start := time.Now()
	var g sync.WaitGroup
	for range workers {
		g.Go(func() {
			for i := range next {
				began := time.Now()
				errs[i] = do(i)
				took[i] = ms(time.Since(began))
			}
		})
	}
	g.Wait()
	took[n] = ms(time.Since(start))
	return took, errors.Join(errs...)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
