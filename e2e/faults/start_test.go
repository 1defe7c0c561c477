package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcstack/fcstack/e2e/harness"
)

// refused starts the platform with arguments it must refuse, and checks that it ends
// with code 1 and one line. It returns the line.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, harness.Binary(t), append([]string{"standalone"}, args...)...)
	return refusedCommand(t, cmd)
}

func refusedCommand(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit code 1", err)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if len(lines) != 1 || lines[0] == "" {
		t.Errorf("said %d lines, want one:\n%s", len(lines), said)
	}
	return string(said)
}

// listing names every file below dir with its content, so that a change shows.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			fmt.Fprintln(&all, path)
			return err
		}
		content, err := os.ReadFile(path)
		sum := sha256.Sum256(content)
		fmt.Fprintln(&all, path, d.Type(), hex.EncodeToString(sum[:]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestASecondStartOnTheSameDirectory(t *testing.T) {
	p := harness.Start(t, harness.Options{})
	line := refused(t, "--data-dir", p.DataDir, "--listen", "127.0.0.1:0")
	if !strings.Contains(line, p.DataDir) {
		t.Errorf("the line does not name the directory: %s", line)
	}
	if a := harness.Invoke(t, p, "nobody", "", nil); a.Status != 404 {
		t.Errorf("the first one answers %+v", a)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := harness.Start(t, harness.Options{})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	before := listing(t, p.DataDir)
	line := refused(t, "--data-dir", p.DataDir, "--listen", l.Addr().String())
	if !strings.Contains(line, l.Addr().String()) {
		t.Errorf("the line does not name the address: %s", line)
	}
	if after := listing(t, p.DataDir); after != before {
		t.Errorf("the directory changed\nbefore:\n%s\nafter:\n%s", before, after)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	refused(t, "--data-dir", fresh, "--listen", l.Addr().String())
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("a directory was made: %v", err)
	}
}

func TestADirectoryOfANewerRelease(t *testing.T) {
	p := harness.Start(t, harness.Options{})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	layout := filepath.Join(p.DataDir, "layout.json")
	if err := os.WriteFile(layout, []byte(`{"layout":4711}`), 0o600); err != nil {
		t.Fatal(err)
	}
	before := listing(t, p.DataDir)
	line := refused(t, "--data-dir", p.DataDir, "--listen", "127.0.0.1:0")
	if !strings.Contains(line, "newer release") || !strings.Contains(line, p.DataDir) {
		t.Errorf("the line is %s", line)
	}
	if after := listing(t, p.DataDir); after != before {
		t.Errorf("the directory changed\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

func TestADirectoryThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"is a file": file, "is below a file": filepath.Join(file, "data")} {
		t.Run(name, func(t *testing.T) {
			if line := refused(t, "--data-dir", dir, "--listen", "127.0.0.1:0"); !strings.Contains(line, dir) {
				t.Errorf("the line does not name the directory: %s", line)
			}
		})
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "mine" {
		t.Errorf("the file is %q (%v)", content, err)
	}
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	open := t.TempDir() // may be entered by the user that the platform runs as
	locked := filepath.Join(open, "locked")
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	bin := harness.Binary(t)
	for name, dir := range map[string]string{"is not ours": locked, "is below one that is not ours": filepath.Join(locked, "data")} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bin, "standalone", "--data-dir", dir, "--listen", "127.0.0.1:0")
			if os.Geteuid() == 0 { // root may write everywhere, so it has to be somebody else
				cmd.Path = asNobody(t, cmd, bin, open)
			}
			if line := refusedCommand(t, cmd); !strings.Contains(line, dir) {
				t.Errorf("the line does not name the directory: %s", line)
			}
			if left, err := os.ReadDir(locked); err != nil || len(left) > 0 {
				t.Errorf("%d entries are left in it (%v)", len(left), err)
			}
		})
	}
}

// asNobody makes cmd run as a user without rights, with a copy of the binary which that
// user can reach. It returns the copy's path.
func asNobody(t *testing.T, cmd *exec.Cmd, bin, dir string) string {
	t.Helper()
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "fc")
	if err := os.WriteFile(copied, content, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = dir
	return copied
}

func TestKeysAreForTheirOwnerAlone(t *testing.T) {
	p := harness.Start(t, harness.Options{})
	found := false
	err := filepath.WalkDir(p.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, _ := os.ReadFile(path) // it may have gone meanwhile
		if !strings.Contains(string(content), p.Secret()) {
			return nil
		}
		found = true
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s holds the secret and has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || !found {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestTheKeyStaysOverARestart(t *testing.T) {
	p := harness.Start(t, harness.Options{})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	again := harness.Start(t, harness.Options{DataDir: p.DataDir})
	if again.Key() != p.Key() || again.Secret() != p.Secret() {
		t.Error("the second start shows another key")
	}
}

func TestAnEphemeralPlatformLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := harness.Start(t, harness.Options{Args: []string{"--ephemeral"}, DataDir: dir})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err == nil && len(left) > 0 {
		t.Errorf("%d entries are left in its directory", len(left))
	}
}
