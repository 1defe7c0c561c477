package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// leftProcesses describes the processes that belong to the platform on dataDir: those
// that run below it, were started with it as an argument, or got it in their
// environment. Where there is no /proc it finds none.
func leftProcesses(dataDir string) []string {
	var left []string
	for _, pid := range processesOf(dataDir) {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		left = append(left, fmt.Sprintf("%d %s", pid, bytes.ReplaceAll(bytes.TrimRight(cmdline, "\x00"), []byte{0}, []byte{' '})))
	}
	return left
}

func killAll(dataDir string) {
	for _, pid := range processesOf(dataDir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func processesOf(dataDir string) []int {
	if dataDir == "" {
		return nil
	}
	if real, err := filepath.EvalSymlinks(dataDir); err == nil {
		dataDir = real
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && running(dir) && belongs(dir, dataDir) {
			found = append(found, pid)
		}
	}
	return found
}

// running is false for a process that has ended and only waits to be collected.
func running(proc string) bool {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	return len(after) > 0 && after[0] != 'Z' && after[0] != 'X'
}

func belongs(proc, dataDir string) bool {
	for _, link := range []string{"exe", "cwd", "root"} {
		if to, err := os.Readlink(filepath.Join(proc, link)); err == nil && strings.HasPrefix(to, dataDir+"/") {
			return true
		}
	}
	for _, file := range []string{"cmdline", "environ"} {
		content, err := os.ReadFile(filepath.Join(proc, file))
		if err == nil && bytes.Contains(content, []byte(dataDir)) {
			return true
		}
	}
	return false
}
