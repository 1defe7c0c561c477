package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/e2e/harness"
)

// terraform runs the CLI on a copy of the stack, with the provider of this repository
// and without any network.
type terraform struct {
	cli string
	dir string // of the stack
	env []string
	out io.Writer
}

// newTerraform copies what the stack needs and installs the provider beside it.
func (d *demo) newTerraform() (*terraform, error) {
	source := filepath.Join(d.dir, "source")
	for _, folder := range []string{"modules", "examples"} {
		if err := os.CopyFS(filepath.Join(source, folder), os.DirFS(filepath.Join(harness.Root(), folder))); err != nil {
			return nil, fmt.Errorf("copy %s: %w", folder, err)
		}
	}
	env := append(os.Environ(), d.platform.Environ()...)
	installed, err := harness.InstallProvider(d.dir, d.provider)
	if err != nil {
		return nil, fmt.Errorf("install the provider: %w", err)
	}
	env = append(append(env, installed...), "TMPDIR="+filepath.Join(d.dir, "tmp"))
	return &terraform{cli: d.cli, dir: filepath.Join(source, d.stack), env: env, out: d.out}, nil
}

// run runs one subcommand and shows what it says as it says it.
func (t *terraform) run(ctx context.Context, args ...string) error {
	return t.runTo(ctx, &indented{out: t.out}, args)
}

// plan makes a plan and shows what it comes to. Its details are long, and applying it
// tells them again.
func (t *terraform) plan(ctx context.Context, args ...string) error {
	return t.brief(ctx, append([]string{"plan", "-input=false", "-no-color"}, args...)...)
}

// brief runs one subcommand and shows the outcome alone, or everything if it fails.
func (t *terraform) brief(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	err := t.runTo(ctx, &said, args)
	lines := &indented{out: t.out}
	for line := range strings.Lines(said.String()) {
		if err != nil || strings.HasPrefix(line, "Plan:") || strings.HasPrefix(line, "No changes.") || strings.Contains(line, "successfully initialized") {
			_, _ = io.WriteString(lines, line) // it has no error
		}
	}
	return err
}

// runTo runs one subcommand. An interruption reaches the CLI as one, so that it ends in
// order.
func (t *terraform) runTo(ctx context.Context, out io.Writer, args []string) error {
	cmd := exec.CommandContext(ctx, t.cli, append([]string{"-chdir=" + t.dir}, args...)...)
	cmd.Env = t.env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	fmt.Fprintf(t.out, "          $ %s %s\n", filepath.Base(t.cli), strings.Join(args, " "))
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // plugins that outlived it; usually none
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(t.cli), args[0], err)
	}
	return nil
}

// indented writes complete lines with an indent.
type indented struct {
	out  io.Writer
	rest []byte
}

func (w *indented) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			return len(b), nil
		}
		if line := w.rest[:end]; len(bytes.TrimSpace(line)) > 0 {
			fmt.Fprintf(w.out, "          | %s\n", line)
		}
		w.rest = w.rest[end+1:]
	}
}

func (d *demo) deploy(ctx context.Context) (err error) {
	if d.terraform, err = d.newTerraform(); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	if err := d.terraform.brief(ctx, "init", "-input=false", "-no-color"); err != nil {
		return err
	}
	if err := d.terraform.plan(ctx, "-out=first.plan"); err != nil {
		return err
	}
	return d.terraform.run(ctx, "apply", "-input=false", "-no-color", "first.plan")
}

func (d *demo) planAgain(ctx context.Context) error {
	err := d.terraform.plan(ctx, "-detailed-exitcode")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		return errors.New("the second plan is not empty")
	}
	return err
}

func (d *demo) destroy(ctx context.Context) error {
	if err := d.terraform.plan(ctx, "-destroy", "-out=last.plan"); err != nil {
		return err
	}
	if err := d.terraform.run(ctx, "apply", "-input=false", "-no-color", "last.plan"); err != nil {
		return err
	}
	left, err := d.functions()
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%d functions are left after destroy", len(left))
	}
	d.say("the platform has no function any more")
	return nil
}
