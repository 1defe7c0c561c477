package nodeagent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// errorBody is the body of a failure that the platform words.
func errorBody(message string) []byte {
	b, err := json.Marshal(struct {
		Message string `json:"errorMessage"`
	}{message})
	if err != nil {
		panic("marshal a string: " + err.Error())
	}
	return b
}

// messageOf is the errorMessage of a failure that the function worded; "" if there is
// none.
func messageOf(body []byte) string {
	var b struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &b) != nil {
		return ""
	}
	return b.Message
}

func failure(errorType, message string, i *instance) *fc.Failure {
	return &fc.Failure{ErrorType: errorType, Message: message, Body: errorBody(message), LogTail: i.log.Tail()}
}

func notStarted(message string, i *instance) *fc.Failure {
	return &fc.Failure{Kind: fc.ErrNotStarted, Message: message, Body: errorBody(message), LogTail: i.log.Tail()}
}

// exitText is what a caller reads when the process ended under its call.
func exitText(i *instance, took time.Duration) string {
	return fmt.Sprintf("Process exited unexpectedly before completing request (duration: %dms, maxMemoryUsage: %dMB)",
		took.Milliseconds(), i.box.MemoryMB())
}

// timeoutText is what a caller reads when the deadline of its call passed.
func timeoutText(timeout time.Duration) string {
	return fmt.Sprintf("Function timed out after %s seconds", seconds(timeout))
}

// exitedEarly is the failure of a process that ended before it could take calls.
func exitedEarly(i *instance) *fc.Failure {
	i.log.Stop(drainLog)
	took := time.Since(i.info.Started)
	if i.version.Runtime.Kind() != fc.Custom {
		return failure(fc.UnhandledInvocationError, exitText(i, took), i)
	}
	e := i.box.Exit()
	how := fmt.Sprintf("status %d", e.Code)
	if e.Signal != 0 {
		how = fmt.Sprintf("signal %d", e.Signal)
	}
	return notStarted(fmt.Sprintf("The function's process ended with %s %dms after its start, before it listened on its port",
		how, took.Milliseconds()), i)
}

// cannotRun is the failure of a command that cannot be run at all.
func (a *Agent) cannotRun(i *instance, command string, err error) *fc.Failure {
	message := fmt.Sprintf("The function's command %s cannot be run: %s", a.inside(i, command), a.whyNot(i, command, err))
	if i.version.Runtime.Kind() == fc.Custom {
		return notStarted(message, i)
	}
	return failure(fc.UnhandledInvocationError, message, i)
}

// whyNot finds words for a command that cannot be run, by looking at the file.
func (a *Agent) whyNot(i *instance, command string, err error) string {
	if !strings.Contains(command, "/") {
		return "it was not found in PATH"
	}
	file := a.onNode(i, command)
	info, statErr := os.Stat(file)
	switch {
	case errors.Is(statErr, fs.ErrNotExist) && strings.HasPrefix(file, i.code):
		return "it is not in the code package"
	case statErr != nil:
		return "there is no such file"
	case info.IsDir():
		return "it is a directory"
	case info.Mode()&0o111 == 0:
		return "the file is not executable; set its x bit before packing"
	case errors.Is(err, syscall.ENOENT):
		return "its interpreter or loader does not exist on this node"
	case errors.Is(err, syscall.ENOEXEC) && isScript(file):
		return "it is a script without a first line like #!/bin/sh"
	case errors.Is(err, syscall.ENOEXEC):
		return "it is not built for this machine"
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return "the node refused it"
}

// isScript tells whether a file looks like text.
func isScript(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [64]byte
	n, _ := f.Read(b[:])
	return !strings.ContainsRune(string(b[:n]), 0)
}

// onNode is the path on the node of what the function sees as path.
func (a *Agent) onNode(i *instance, path string) string {
	if rest, ok := strings.CutPrefix(path, "/code/"); ok && a.mounts {
		return filepath.Join(i.code, rest)
	}
	if !filepath.IsAbs(path) {
		return filepath.Join(i.code, path)
	}
	return path
}

// inside is the path a function is meant to see for one on the node.
func (a *Agent) inside(i *instance, path string) string {
	if rest, ok := strings.CutPrefix(path, i.code+"/"); ok {
		return "/code/" + rest
	}
	return path
}
