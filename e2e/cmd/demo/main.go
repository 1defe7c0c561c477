// Command demo shows the whole way once: it starts the platform, deploys a stack to it
// with the real Terraform CLI and the provider of this repository, calls every function
// through the official SDK and through its URL, and removes everything again. It fails
// if any step does, and leaves neither process nor file behind whatever happens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/e2e/harness"
)

// demo is one run.
type demo struct {
	out       io.Writer
	began     time.Time
	fc        string // binary of the platform
	provider  string // binary of the provider
	cli       string // terraform or tofu
	stack     string // folder of the stack, from the root of the repository
	dir       string // everything of this run
	platform  *harness.Platform
	terraform *terraform
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nthe demo failed:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) (err error) {
	d := &demo{out: os.Stdout, began: time.Now()}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.StringVar(&d.fc, "fc", "bin/fc", "the fc `binary`")
	flags.StringVar(&d.provider, "provider", "bin/terraform-provider-fc", "the provider's `binary`")
	flags.StringVar(&d.cli, "cli", "terraform", "the terraform or tofu `command`")
	flags.StringVar(&d.stack, "stack", "examples/stacks/hello", "`folder` of the stack to deploy")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, path := range []*string{&d.fc, &d.provider} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if d.dir, err = os.MkdirTemp("", "fc-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	return d.run(ctx)
}

// run goes through the steps. The first that fails ends it.
func (d *demo) run(ctx context.Context) error {
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{"start the platform", d.start},
		{"deploy the stack", d.deploy},
		{"call every function", d.call},
		{"plan again: nothing may be left to do", d.planAgain},
		{"destroy the stack", d.destroy},
		{"stop the platform", d.stop},
	} {
		if err := ctx.Err(); err != nil {
			return errors.New("interrupted")
		}
		d.heading(step.say)
		if err := step.do(ctx); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	d.heading("done: every step went as it should")
	return nil
}

// heading prints what comes next, and when.
func (d *demo) heading(text string) {
	fmt.Fprintf(d.out, "\n[%5.1f s] %s\n", time.Since(d.began).Seconds(), text)
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "          "+format+"\n", args...) }

func (d *demo) start(ctx context.Context) error {
	tmp := filepath.Join(d.dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	began := time.Now()
	p, err := harness.Launch(ctx, harness.Options{Bin: d.fc, DataDir: filepath.Join(d.dir, "data"), TempDir: tmp})
	if err != nil {
		return err
	}
	d.platform = p
	d.say("fc standalone answers at %s after %d ms (process %d)", p.URL, time.Since(began).Milliseconds(), p.PID)
	return nil
}

// stop ends the platform and insists that nothing is left of it.
func (d *demo) stop(context.Context) error {
	p := d.platform
	d.platform = nil
	if err := p.Stop(); err != nil {
		return err
	}
	d.say("it ended by itself and left no process and no temporary file")
	return nil
}

// cleanUp removes what is still there after a failure or an interruption.
func (d *demo) cleanUp() error {
	if d.platform != nil {
		d.heading("clean up")
		if err := d.platform.Stop(); err != nil {
			d.platform.Destroy()
		}
		d.say("the platform is stopped")
	}
	return os.RemoveAll(d.dir)
}
