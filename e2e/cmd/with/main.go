// Command with runs another command beside a fresh platform: the endpoint, the access
// key and the provider of this repository are in its environment. What the command does
// is its own business; the platform and everything it leaves is removed afterwards.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/e2e/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("with", flag.ContinueOnError)
	fc := flags.String("fc", "bin/fc", "the fc `binary`")
	provider := flags.String("provider", "bin/terraform-provider-fc", "the provider's `binary`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no command to run")
	}
	for _, path := range []*string{fc, provider} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "fc-with-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	env, err := harness.InstallProvider(dir, *provider)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	p, err := harness.Launch(ctx, harness.Options{Bin: *fc, DataDir: filepath.Join(dir, "data"), TempDir: tmp})
	if err != nil {
		return err
	}
	defer func() {
		stopped := p.Stop()
		if err != nil {
			fmt.Fprintf(os.Stderr, "\nthe platform wrote:\n%s", p.Output())
		}
		err = errors.Join(err, stopped)
	}()
	return run(ctx, append(env, p.Environ()...), flags.Args())
}

func run(ctx context.Context, env, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}
