package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// probeTimeout bounds the trial of one interpreter.
const probeTimeout = 20 * time.Second

// What the programs are written for.
const (
	oldestPython = 6  // 3.6
	oldestNode   = 12 // 12.17
)

// probe is what became of trying an interpreter. Being there is not enough: it may be a
// version manager's wrapper for a version that is not installed.
type probe struct {
	once    sync.Once
	err     error
	python  bool
	path    string // of the interpreter itself
	version string
	program string // in the directory of programs
}

// run tries every interpreter of that name on PATH until one works.
func (p *probe) run(ctx context.Context, name string, cfg Config) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p.python = strings.HasPrefix(name, "python")
	found := onPath(name, cfg.Path)
	if len(found) == 0 {
		p.err = fmt.Errorf("no %s in %s", name, cfg.Path)
		return
	}
	var errs []error
	for _, path := range found {
		err := p.try(ctx, path, cfg.Dir)
		if err == nil {
			return
		}
		errs = append(errs, fmt.Errorf("%s: %w", path, err))
	}
	p.err = errors.Join(errs...)
}

func (p *probe) try(ctx context.Context, path, dir string) error {
	if p.python {
		return p.tryPython(ctx, path, dir)
	}
	out, err := output(ctx, path, "-p", "process.version+'\\n'+process.execPath")
	if err != nil {
		return err
	}
	if len(out) != 2 {
		return fmt.Errorf("unexpected output %q", out)
	}
	p.version, p.path, p.program = strings.TrimPrefix(out[0], "v"), out[1], "bootstrap.js"
	if major, _, _ := strings.Cut(p.version, "."); number(major) < oldestNode {
		return fmt.Errorf("version %s is older than %d", p.version, oldestNode)
	}
	return nil
}

func (p *probe) tryPython(ctx context.Context, path, dir string) error {
	out, err := output(ctx, path, "-B", filepath.Join(dir, "compile.py"), filepath.Join(dir, "bootstrap.py"), dir)
	if err != nil {
		return err
	}
	if len(out) != 3 {
		return fmt.Errorf("unexpected output %q", out)
	}
	p.version, p.path, p.program = out[0], out[1], out[2]
	v := strings.Split(p.version, ".")
	if len(v) < 2 || v[0] != "3" || number(v[1]) < oldestPython {
		return fmt.Errorf("version %s is older than 3.%d", p.version, oldestPython)
	}
	return nil
}

// output gives the lines a program writes.
func output(ctx context.Context, path string, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "/"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("%w: %s", err, first)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// onPath lists the executables of that name on a search path, each once.
func onPath(name, search string) []string {
	var found []string
	seen := map[string]bool{}
	for _, dir := range filepath.SplitList(search) {
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err != nil || !filepath.IsAbs(path) {
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		found = append(found, path)
	}
	return found
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
