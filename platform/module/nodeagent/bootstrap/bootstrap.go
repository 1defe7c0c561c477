// Package bootstrap knows how handlers of built-in runtimes are run: programs of ours for
// Python and Node.js that serve the calls of an inherited listener, and the interpreters
// of this node to run them with. Starting them and talking to them is the agent's.
package bootstrap

import (
	"context"
	_ "embed" // the programs
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fcstack/fcstack/platform/fc"
)

//go:embed bootstrap.py
var pythonProgram []byte

//go:embed compile.py
var pythonCompiler []byte

//go:embed bootstrap.js
var nodeProgram []byte

// Target is where a sandbox with mounts should show Dir.
const Target = "/var/fc/bootstrap"

// builtin lists the runtimes there are programs for, with the interpreters that suit them,
// best first. One that is not of the exact version is a substitute.
var builtin = map[fc.Runtime][]string{
	"python3":    {"python3"},
	"python3.9":  {"python3.9", "python3"},
	"python3.10": {"python3.10", "python3"},
	"python3.12": {"python3.12", "python3"},
	"nodejs14":   {"node"},
	"nodejs16":   {"node"},
	"nodejs18":   {"node"},
	"nodejs20":   {"node"},
}

// Config says where things are.
type Config struct {
	Dir  string       // for the programs; made if missing
	Path string       // where to look for interpreters, like PATH; "": /usr/local/bin:/usr/bin:/bin
	Log  *slog.Logger // nil: slog.Default
}

// Runtimes runs the programs. An interpreter is looked for and tried once, when it is
// first asked for.
type Runtimes struct {
	cfg Config

	mu     sync.Mutex
	probes map[string]*probe // by the name of an interpreter
	logged map[fc.Runtime]bool
}

// Paths says where the parts are as the process sees them.
type Paths struct {
	Bootstrap string // Dir, or Target in a sandbox with mounts; "": Dir
	Code      string // /code in a sandbox with mounts
	Layers    string // merged layers, where the runtime looks after Code; "": /opt
}

// New writes the programs into cfg.Dir.
func New(cfg Config) (*Runtimes, error) {
	if cfg.Path == "" {
		cfg.Path = "/usr/local/bin:/usr/bin:/bin"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	cfg.Dir = dir
	for name, text := range map[string][]byte{
		"bootstrap.py": pythonProgram, "compile.py": pythonCompiler, "bootstrap.js": nodeProgram,
	} {
		if err := replace(filepath.Join(dir, name), text); err != nil {
			return nil, fmt.Errorf("bootstrap: %w", err)
		}
	}
	return &Runtimes{cfg: cfg, probes: map[string]*probe{}, logged: map[fc.Runtime]bool{}}, nil
}

// replace writes a file whole, because instances of an earlier run may be starting from it.
func replace(file string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already, if all went well
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// Dir is where the programs are; sandboxes need to see it.
func (r *Runtimes) Dir() string { return r.cfg.Dir }

// Command gives the executable and arguments that serve the handlers of a built-in
// runtime on the listener inherited as file 3. They take calls as soon as they run:
//   - a runtime there is no program for: fc.ErrUnsupported
//   - no interpreter on this node: fc.ErrUnsupported, and the error says which is missing
func (r *Runtimes) Command(rt fc.Runtime, at Paths) ([]string, error) {
	p, err := r.find(rt)
	if err != nil {
		return nil, err
	}
	if at.Bootstrap == "" {
		at.Bootstrap = r.cfg.Dir
	}
	if at.Layers == "" {
		at.Layers = "/opt"
	}
	program := filepath.Join(at.Bootstrap, p.program)
	if p.python {
		// Without site (-S), which the program loads if the code needs it, and without
		// writing compiled files (-B) into code that instances share.
		return []string{p.path, "-S", "-B", program, at.Code, filepath.Join(at.Layers, "python")}, nil
	}
	return []string{p.path, program, at.Code, filepath.Join(at.Layers, "nodejs", "node_modules")}, nil
}

// Version is the version of the interpreter that runs rt here; "" if there is none.
func (r *Runtimes) Version(rt fc.Runtime) string {
	p, err := r.find(rt)
	if err != nil {
		return ""
	}
	return p.version
}

// Available lists the built-in runtimes that this node can run. The first call tries all
// interpreters, at the same time.
func (r *Runtimes) Available() []fc.Runtime {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		found []fc.Runtime
	)
	for rt := range builtin {
		wg.Go(func() {
			if _, err := r.find(rt); err == nil {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, rt)
			}
		})
	}
	wg.Wait()
	slices.Sort(found)
	return found
}

// find gives the first interpreter that suits rt and runs.
func (r *Runtimes) find(rt fc.Runtime) (*probe, error) {
	names, ok := builtin[rt]
	if !ok {
		return nil, fmt.Errorf("runtime %s: there is no bootstrap for it: %w", rt, fc.ErrUnsupported)
	}
	var last error
	for _, name := range names {
		p := r.probe(name)
		if p.err == nil {
			r.tell(rt, p)
			return p, nil
		}
		last = p.err
	}
	return nil, fmt.Errorf("runtime %s: no interpreter on this node: %w: %w", rt, last, fc.ErrUnsupported)
}

// tell logs once what a runtime is run with.
func (r *Runtimes) tell(rt fc.Runtime, p *probe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.logged[rt] {
		return
	}
	r.logged[rt] = true
	r.cfg.Log.Info("interpreter found", "runtime", rt, "path", p.path, "version", p.version, "substitute", !suits(rt, p.version))
}

// suits tells whether a version is one of the runtime's own.
func suits(rt fc.Runtime, version string) bool {
	want := strings.TrimPrefix(strings.TrimPrefix(string(rt), "python"), "nodejs")
	return strings.HasPrefix(version+".", want+".")
}

// probe tries an interpreter, once.
func (r *Runtimes) probe(name string) *probe {
	r.mu.Lock()
	p := r.probes[name]
	if p == nil {
		p = &probe{}
		r.probes[name] = p
	}
	r.mu.Unlock()
	p.once.Do(func() { p.run(context.Background(), name, r.cfg) })
	return p
}
