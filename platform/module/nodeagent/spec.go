package nodeagent

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
)

// launch is what differs between the kinds of runtimes when a process is started.
type launch struct {
	command []string // paths as the function is meant to see them
	env     map[string]string
	files   []*os.File
	mounts  []sandbox.Mount // besides code and tmp
}

// spec describes the sandbox of i. Where the driver cannot show directories elsewhere,
// the function gets the real paths instead of /code and /tmp.
func (a *Agent) spec(i *instance, l launch, output *os.File) sandbox.Spec {
	s := sandbox.Spec{
		ID: string(i.info.ID), Runtime: i.version.Runtime, Command: l.command,
		Stdout: output, Stderr: output, Files: l.files,
		MemoryMB: i.version.MemoryMB, CPU: i.version.CPU,
	}
	if a.mounts {
		s.Dir = "/code"
		s.Mounts = append([]sandbox.Mount{
			{Source: i.code, Target: "/code", ReadOnly: true},
			{Source: i.tmp, Target: "/tmp"},
		}, l.mounts...)
		s.Env = a.env(i, l.env, "/code/", "/tmp")
		return s
	}
	s.Dir = i.code
	s.Command = make([]string, len(l.command))
	for n, arg := range l.command {
		s.Command[n] = realPath(arg, i.code)
	}
	s.Env = a.env(i, l.env, i.code+"/", i.tmp)
	return s
}

// realPath turns a leading /code into the directory that the code is in.
func realPath(arg, code string) string {
	if arg == "/code" {
		return code
	}
	if rest, ok := strings.CutPrefix(arg, "/code/"); ok {
		return code + "/" + rest
	}
	return arg
}

// env is the whole environment of a function: defaults, the owner's, the platform's.
func (a *Agent) env(i *instance, of map[string]string, code, tmp string) []string {
	v := i.version
	env := map[string]string{"PATH": a.cfg.Path, "HOME": tmp, "TMPDIR": tmp, "LANG": "C.UTF-8"}
	maps.Copy(env, v.Env)
	maps.Copy(env, map[string]string{
		"FC_FUNCTION_NAME":        v.Name,
		"FC_FUNCTION_HANDLER":     v.Handler,
		"FC_FUNCTION_MEMORY_SIZE": strconv.Itoa(v.MemoryMB),
		"FC_FUNCTION_VERSION":     v.Version,
		"FC_VER_ID":               v.Version,
		"FC_QUALIFIER":            v.Qualifier,
		"FC_REGION":               a.cfg.Region,
		"FC_ACCOUNT_ID":           v.Account,
		"FC_INSTANCE_ID":          string(i.info.ID),
		"FC_FUNC_CODE_PATH":       code,
		"FC_RUNTIME":              string(v.Runtime),
		"FC_TIMEOUT":              seconds(v.Timeout),
		"FC_HANDLER":              v.Handler,
		"FC_MEMORY_SIZE":          strconv.Itoa(v.MemoryMB),
	})
	if h := v.Initializer; h != nil {
		env["FC_INITIALIZER_HANDLER"] = h.Handler
		env["FC_INITIALIZATION_TIMEOUT"] = seconds(hookTimeout(h))
	}
	maps.Copy(env, of)
	list := make([]string, 0, len(env))
	for k, val := range env {
		list = append(list, k+"="+val)
	}
	slices.Sort(list)
	return list
}

// fields are the headers that say the same on every call of an instance.
func (a *Agent) fields(v *fc.Version) [][2]string {
	f := [][2]string{
		{"x-fc-function-name", v.Name},
		{"x-fc-function-handler", v.Handler},
		{"x-fc-function-memory", strconv.Itoa(v.MemoryMB)},
		{"x-fc-region", a.cfg.Region},
		{"x-fc-account-id", v.Account},
		{"x-fc-version-id", v.Version},
	}
	if h := v.Initializer; h != nil {
		f = append(f, [2]string{"x-fc-function-initializer", h.Handler},
			[2]string{"x-fc-initialization-timeout", seconds(hookTimeout(h))})
	}
	if h := v.PreStop; h != nil {
		f = append(f, [2]string{"x-fc-instance-lifecycle-pre-stop-handler", h.Handler})
	}
	return f
}

// seconds is d in whole seconds, rounded up, as text.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// customCommand is how a custom runtime is started.
func customCommand(c *fc.CustomRuntime) []string {
	if c == nil || len(c.Command)+len(c.Args) == 0 {
		return []string{"/code/bootstrap"}
	}
	return slices.Concat(c.Command, c.Args)
}

// checkID keeps an id from being a path.
func checkID(id fc.InstanceID) error {
	if id == "" || len(id) > 128 || strings.ContainsAny(string(id), "/\x00") || strings.HasPrefix(string(id), ".") {
		return fmt.Errorf("instance id %q: %w", id, fc.ErrInvalid)
	}
	return nil
}
