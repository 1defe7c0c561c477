package dir_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/backend/objectstore/dir"
	"github.com/fcstack/fcstack/platform/backend/objectstore/objectstoretest"
	"github.com/fcstack/fcstack/platform/fc"
)

func open(t *testing.T, path string) *dir.Store {
	t.Helper()
	s, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *dir.Store, key, content string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func TestDir(t *testing.T) {
	objectstoretest.Test(t, func(t *testing.T) objectstore.Store {
		return open(t, filepath.Join(t.TempDir(), "a", "b"))
	})
}

func TestObjectsAreThereAfterReopening(t *testing.T) {
	path := t.TempDir()
	put(t, open(t, path), "a/b", "content")
	list, err := open(t, path).List(t.Context(), "", "", 0)
	if err != nil || len(list) != 1 || list[0].Key != "a/b" || list[0].Size != 7 {
		t.Fatalf("list is %+v, %v", list, err)
	}
}

// files are the names of all files below path.
func files(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestNothingIsLeftOfWhatFailedOrWasDeleted(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	put(t, s, "a/b/c", "content")
	if err := s.Delete(t.Context(), "a/b/c"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, "k", strings.NewReader("x")); err == nil {
		t.Fatal("put succeeded")
	}
	if left := files(t, path); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
	if left, err := os.ReadDir(filepath.Join(path, "objects")); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestLinksDoNotLeadOutside(t *testing.T) {
	path, outside := t.TempDir(), t.TempDir()
	s := open(t, path)
	secret := filepath.Join(outside, "o~")
	err := errors.Join(
		os.WriteFile(secret, []byte("secret"), 0o600),
		os.Symlink(outside, filepath.Join(path, "objects", "out")),
		os.Symlink(secret, filepath.Join(path, "objects", "file~")),
		os.Symlink("../../../../../../"+outside, filepath.Join(path, "objects", "up")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"out/o", "file", "up/o"} {
		if r, _, err := s.Get(t.Context(), key); err == nil {
			r.Close()
			t.Errorf("%s was read", key)
		}
		if _, err := s.Stat(t.Context(), key); err == nil {
			t.Errorf("%s was described", key)
		}
		if err := s.Delete(t.Context(), key); err == nil && key != "file" {
			t.Errorf("%s was deleted", key)
		}
	}
	for _, key := range []string{"out/o", "out/new", "up/new"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("written")); err == nil {
			t.Errorf("%s was written", key)
		}
	}
	if list, err := s.List(t.Context(), "", "", 0); err != nil || len(list) != 0 {
		t.Errorf("list is %+v, %v", list, err)
	}
	if content, err := os.ReadFile(secret); err != nil || string(content) != "secret" {
		t.Errorf("outside was changed: %q, %v", content, err)
	}
	if left := files(t, outside); len(left) != 1 {
		t.Errorf("outside there are %q", left)
	}
}

func TestADirectoryThatCannotBeUsedIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, err := dir.Open(path); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

// writeForever names the directory that this binary, started again by the test below,
// writes to until it is killed.
const writeForever = "FC_TEST_OBJECTS_WRITE"

func TestMain(m *testing.M) {
	if path := os.Getenv(writeForever); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) {
	s, err := dir.Open(path)
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		key := fmt.Sprintf("d%d/o%d", i%5, i)
		if _, err := s.Put(context.Background(), key, strings.NewReader(strings.Repeat(key, 5000))); err != nil {
			panic(err)
		}
		fmt.Println(key)
	}
}

func TestAKilledWriterLeavesWholeObjectsOnly(t *testing.T) {
	path := t.TempDir()
	acknowledged := runAndKill(t, path, 25)
	s := open(t, path)
	list, err := s.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if want := int64(5000 * len(o.Key)); o.Size != want {
			t.Errorf("%s has %d bytes, want %d", o.Key, o.Size, want)
		}
	}
	for _, key := range acknowledged {
		if _, err := s.Stat(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	if left := files(t, filepath.Join(path, "tmp")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
	if _, err := s.Stat(t.Context(), "none"); !errors.Is(err, fc.ErrNotFound) {
		t.Error(err)
	}
}

func runAndKill(t *testing.T, path string, after int) (acknowledged []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writeForever+"="+path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // what is left is half a line
		}
		if acknowledged = append(acknowledged, strings.TrimSpace(line)); len(acknowledged) == after {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(acknowledged) < after {
		t.Fatalf("the process ended after %d writes", len(acknowledged))
	}
	return acknowledged
}
