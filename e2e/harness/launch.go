// Package harness starts the real platform for tests, the demo and the benchmark, or
// takes one that runs already, and hands out clients for it. What the platform has to
// do is the business of the packages that use it.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startBound is how long a platform may take until it answers, and stopBound how long
// until it is gone after SIGTERM. Both are generous: a slow machine is no failure.
const (
	startBound = 90 * time.Second
	stopBound  = 60 * time.Second
)

// Options say how a platform is started.
type Options struct {
	Bin     string    // the fc binary
	DataDir string    // --data-dir; made if it is missing
	TempDir string    // TMPDIR of the process; must be empty again once it has stopped
	Args    []string  // more arguments of `fc standalone`
	Env     []string  // more environment, NAME=VALUE
	Listen  string    // "": a free port of 127.0.0.1
	Log     io.Writer // gets what the process writes; nil: kept for errors only
}

// Platform is a running platform and how to reach it.
type Platform struct {
	URL     string            // of the endpoint, without a slash at the end
	Exports map[string]string // what the platform told to export
	DataDir string
	PID     int // 0 for one that was not started here

	cmd     *exec.Cmd
	opts    Options
	out     *output
	exited  chan struct{}
	waitErr error
}

// Launch starts `fc standalone` and waits until it answers. If it ends before that,
// the error is an *exec.ExitError wrapped with what it wrote.
func Launch(ctx context.Context, o Options) (*Platform, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	args := append([]string{"standalone", "--data-dir", o.DataDir, "--listen", o.Listen}, o.Args...)
	cmd := exec.Command(o.Bin, args...)
	cmd.Env = append(os.Environ(), o.Env...)
	if o.TempDir != "" {
		cmd.Env = append(cmd.Env, "TMPDIR="+o.TempDir)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is ours to pass on
	p := &Platform{DataDir: o.DataDir, cmd: cmd, opts: o, out: newOutput(o.Log), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	p.PID = cmd.Process.Pid
	go func() {
		p.waitErr = cmd.Wait()
		close(p.exited)
	}()
	if err := p.waitReady(ctx); err != nil {
		p.Destroy()
		return nil, err
	}
	return p, nil
}

// waitReady waits for the lines to export and then for the endpoint to answer.
func (p *Platform) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	for p.URL == "" || p.Secret() == "" || !answers(ctx, p.URL) {
		select {
		case <-p.exited:
			return fmt.Errorf("the platform ended before it was ready: %w\n%s", p.waitErr, p.out.text())
		case <-ctx.Done():
			return fmt.Errorf("the platform was not ready in time: %w\n%s", ctx.Err(), p.out.text())
		case <-time.After(2 * time.Millisecond):
		}
		p.Exports = p.out.exports()
		p.URL = endpoint(p.Exports)
	}
	return nil
}

// answers says whether an HTTP server answers at url, whatever it says.
func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/2023-03-30/functions", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// Output is everything the platform has written so far.
func (p *Platform) Output() string { return p.out.text() }

// Processes describes what runs on behalf of the platform, the platform included.
func (p *Platform) Processes() []string { return leftProcesses(p.DataDir) }

// Signal sends sig to the platform's process alone.
func (p *Platform) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Exited is closed once the process has ended.
func (p *Platform) Exited() <-chan struct{} { return p.exited }

// Kill ends the platform's process with SIGKILL. What it had started is left to the
// next platform on the same directory.
func (p *Platform) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// Destroy ends the platform and everything that it had started, at once.
func (p *Platform) Destroy() {
	p.Kill()
	killAll(p.DataDir)
}

// Stop ends the platform with SIGTERM and says what is wrong if it does not end in
// time, ends with an error, or leaves a process or a temporary file behind.
func (p *Platform) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the platform: %w", err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopBound):
		p.Destroy()
		return fmt.Errorf("the platform did not stop within %v of SIGTERM\n%s", stopBound, p.out.text())
	}
	var errs []error
	if p.waitErr != nil {
		errs = append(errs, fmt.Errorf("the platform ended with an error: %w\n%s", p.waitErr, p.out.text()))
	}
	if left := leftProcesses(p.DataDir); len(left) > 0 {
		errs = append(errs, fmt.Errorf("processes were left behind: %s", strings.Join(left, "; ")))
		killAll(p.DataDir)
	}
	errs = append(errs, leftFiles(p.opts.TempDir))
	return errors.Join(errs...)
}

// leftFiles returns an error that names what is in dir.
func leftFiles(dir string) error {
	if dir == "" {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("temporary files were left behind: %s", strings.Join(left, ", "))
}

// output keeps what a process writes, and passes it on.
type output struct {
	mu   sync.Mutex
	kept strings.Builder
	pass io.Writer
}

func newOutput(pass io.Writer) *output {
	if pass == nil {
		pass = io.Discard
	}
	return &output{pass: pass}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept.Write(b)
	return o.pass.Write(b)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}

// exports finds the variables that the platform told to export, in its own lines and
// in the file that it told to source. Only complete lines count.
func (o *output) exports() map[string]string {
	found := map[string]string{}
	text := o.text()
	text = text[:strings.LastIndexByte(text, '\n')+1]
	for line := range strings.Lines(text) {
		readExport(line, found)
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), ". "); ok {
			content, _ := os.ReadFile(file) // what it lacks is missed by whoever needs it
			for line := range strings.Lines(string(content)) {
				readExport(line, found)
			}
		}
	}
	return found
}

func readExport(line string, into map[string]string) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "export ")
	if !ok {
		return
	}
	if name, value, ok := strings.Cut(rest, "="); ok {
		into[name] = strings.Trim(value, `'"`)
	}
}

// Again starts a platform with the options of one that has ended, on the same directory.
func (p *Platform) Again(ctx context.Context) (*Platform, error) { return Launch(ctx, p.opts) }
