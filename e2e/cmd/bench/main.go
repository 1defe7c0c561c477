//go:build linux

// Command bench measures the platform against the bare function on the same machine,
// both sides in turn, and writes a table and a list of rows. What the figures have to
// be stands beside them; a missed goal is shown, and is no failure of the command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/e2e/harness"
)

// bench is one run of the whole.
type bench struct {
	fc     string // the binary
	dir    string // everything of this run
	rounds int
	slice  time.Duration // of one load
	starts int           // cold starts a round
	many   int           // functions of the scale section
	table  *table
}

// sections are what there is to measure, in order.
var sections = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"warm", (*bench).warm},
	{"bodies", (*bench).bodies},
	{"cold", (*bench).cold},
	{"start", (*bench).start},
	{"scale", (*bench).scale},
}

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "load":
			return loadMain(os.Stdin, os.Stdout)
		case "proxy":
			return proxyMain(args[1])
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args)
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	fc := flags.String("fc", "bin/fc", "the fc `binary`")
	out := flags.String("out", "build/bench.json", "where the rows go")
	only := flags.String("only", "", "only these `sections`, comma-separated: warm, bodies, cold, start, scale")
	short := flags.Bool("short", false, "fewer and shorter rounds; the figures are rougher")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fc-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{fc: *fc, dir: dir, rounds: 5, slice: 2 * time.Second, starts: 30, many: 10_000, table: newTable(os.Stdout)}
	if *short {
		b.rounds, b.slice, b.starts, b.many = 3, 500*time.Millisecond, 10, 1000
	}
	if b.fc, err = filepath.Abs(b.fc); err != nil {
		return err
	}
	for _, s := range sections {
		if *only != "" && !strings.Contains(","+*only+",", ","+s.name+",") {
			continue
		}
		b.table.section(s.name)
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := b.table.write(*out); err != nil {
			return err
		}
	}
	b.table.close(*out)
	return nil
}

// platform starts a platform on a fresh directory of this run.
func (b *bench) platform(ctx context.Context) (*harness.Platform, error) {
	dir, err := os.MkdirTemp(b.dir, "platform-")
	if err != nil {
		return nil, err
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return nil, err
	}
	return harness.Launch(ctx, harness.Options{Bin: b.fc, DataDir: filepath.Join(dir, "data"), TempDir: tmp})
}
