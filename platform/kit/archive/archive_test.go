package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/kit/archive"
)

// entry is one of an archive. A zero mode means an archive without Unix modes.
type entry struct {
	name    string
	mode    fs.FileMode
	content string
}

const plain, link = fs.FileMode(0o644), fs.ModeSymlink | 0o777

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)}
		if e.content == "" {
			h.Method = zip.Store
		}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		out, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(out, e.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// extract unpacks into a directory inside a fresh one and gives both.
func extract(t testing.TB, data []byte, limits archive.Limits) (outer, dir string, err error) {
	t.Helper()
	outer = t.TempDir()
	dir = filepath.Join(outer, "dir")
	return outer, dir, archive.Extract(context.Background(), bytes.NewReader(data), int64(len(data)), dir, limits)
}

func TestAnArchiveIsUnpackedAsItIs(t *testing.T) {
	_, dir, err := extract(t, pack(t,
		entry{"index.py", plain, "print()"},
		entry{"bin/", fs.ModeDir | 0o700, ""},
		entry{"bin/run", 0o750, "#!/bin/sh"},
		entry{"deep/er/setuid", fs.ModeSetuid | 0o755, ""},
		entry{"private", 0o600, "x"},
		entry{"./dot//slash", plain, "y"},
		entry{"no-mode", 0, "z"},
		entry{"bin/link", link, "../index.py"},
		entry{"dangling", link, "not/there"},
		entry{"twice", plain, "the first, longer"},
		entry{"twice", 0o755, "the last"},
		entry{"中文 name", plain, ""},
	), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		mode    fs.FileMode
		content string
	}{
		"index.py": {0o644, "print()"}, "bin/run": {0o755, "#!/bin/sh"}, "deep/er/setuid": {0o755, ""},
		"private": {0o644, "x"}, "dot/slash": {0o644, "y"}, "no-mode": {0o755, "z"},
		"bin/link": {0o644, "print()"}, "twice": {0o755, "the last"}, "中文 name": {0o644, ""},
	} {
		file := filepath.Join(dir, name)
		st, err := os.Stat(file)
		if err != nil {
			t.Error(err)
			continue
		}
		content, err := os.ReadFile(file)
		if st.Mode() != want.mode || string(content) != want.content || err != nil {
			t.Errorf("%s is %v %q (%v), want %v %q", name, st.Mode(), content, err, want.mode, want.content)
		}
		if !st.ModTime().Equal(time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)) {
			t.Errorf("%s is of %v", name, st.ModTime())
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "bin/link")); to != "../index.py" || err != nil {
		t.Errorf("the link is %q, %v", to, err)
	}
}

func TestHostileArchivesLeaveNothing(t *testing.T) {
	bomb := strings.Repeat("\x00", 1<<20)
	for _, c := range []struct {
		name    string
		entries []entry
		want    error
		named   string // in the error
	}{
		{"an absolute path", []entry{{"/etc/x", plain, ""}}, archive.ErrUnsafe, "/etc/x"},
		{"a drive", []entry{{"C:/x", plain, ""}}, archive.ErrUnsafe, "C:/x"},
		{"a path up", []entry{{"a/../../x", plain, ""}}, archive.ErrUnsafe, "a/../../x"},
		{"a path up and back", []entry{{"a/../x", plain, ""}}, archive.ErrUnsafe, "a/../x"},
		{"a backslash", []entry{{`..\x`, plain, ""}}, archive.ErrUnsafe, `x`},
		{"a zero byte", []entry{{"x\x00y", plain, ""}}, archive.ErrUnsafe, `x`},
		{"an absolute link", []entry{{"l", link, "/etc/passwd"}}, archive.ErrUnsafe, `"l"`},
		{"a link up", []entry{{"a/l", link, "../../x"}}, archive.ErrUnsafe, `"a/l"`},
		{"a link to the parent", []entry{{"l", link, ".."}}, archive.ErrUnsafe, `"l"`},
		{"a link with a backslash", []entry{{"l", link, `..\..\x`}}, archive.ErrUnsafe, `"l"`},
		{"a link out through another link", []entry{{"a/b/c/up", link, "../../.."}, {"l", link, "a/b/c/up/../x"}}, archive.ErrUnsafe, `"l"`},
		{"links in a circle", []entry{{"a", link, "b"}, {"b", link, "a"}}, archive.ErrUnsafe, `"a"`},
		{"a file through a link", []entry{{"d/f", plain, ""}, {"l", link, "d"}, {"l/x", plain, ""}}, archive.ErrUnsafe, `"l/x"`},
		{"a link in place of a directory", []entry{{"l/x", plain, ""}, {"l", link, "d"}}, archive.ErrUnsafe, `"l"`},
		{"a file in place of a link", []entry{{"l", link, "x"}, {"l", plain, ""}}, archive.ErrUnsafe, `"l"`},
		{"a link in place of a file", []entry{{"l", plain, ""}, {"l", link, "x"}}, archive.ErrUnsafe, `"l"`},
		{"a link in place of a link", []entry{{"l", link, "x"}, {"l", link, "y"}}, archive.ErrUnsafe, `"l"`},
		{"a directory in place of a file", []entry{{"l", plain, ""}, {"l/", fs.ModeDir | 0o755, ""}}, archive.ErrUnsafe, `"l/"`},
		{"a device", []entry{{"d", fs.ModeDevice | 0o600, ""}}, archive.ErrUnsafe, `"d"`},
		{"a character device", []entry{{"d", fs.ModeDevice | fs.ModeCharDevice | 0o600, ""}}, archive.ErrUnsafe, `"d"`},
		{"a pipe", []entry{{"p", fs.ModeNamedPipe | 0o600, ""}}, archive.ErrUnsafe, `"p"`},
		{"a socket", []entry{{"s", fs.ModeSocket | 0o600, ""}}, archive.ErrUnsafe, `"s"`},
		{"too many bytes", []entry{{"a", plain, bomb[:700]}, {"b", plain, bomb[:700]}}, archive.ErrTooLarge, `"b"`},
		{"a bomb", []entry{{"b", plain, bomb}}, archive.ErrTooLarge, `"b"`},
		{"too many entries", []entry{{"1", plain, ""}, {"2", plain, ""}, {"3", plain, ""}, {"4", plain, ""}, {"5", plain, ""}, {"6", plain, ""}}, archive.ErrTooLarge, "6"},
		{"a long name", []entry{{strings.Repeat("n", 65), plain, ""}}, archive.ErrTooLarge, "nnn"},
		{"a deep name", []entry{{"1/2/3/4/5", plain, ""}}, archive.ErrTooLarge, "1/2/3"},
		{"a long link", []entry{{"l", link, strings.Repeat("n", 65)}}, archive.ErrTooLarge, `"l"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := pack(t, append([]entry{}, c.entries...)...)
			outer, _, err := extract(t, data, archive.Limits{Bytes: 1000, Entries: 5, Path: 64, Depth: 4})
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.named) {
				t.Errorf("error is %v, want %v that names %s", err, c.want, c.named)
			}
			if left, _ := os.ReadDir(outer); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestALyingHeaderDoesNotRaiseTheLimit(t *testing.T) {
	data := pack(t, entry{"bomb", plain, strings.Repeat("\x00", 1<<20)})
	// The size in the central directory, which readers go by, becomes 1.
	at := bytes.LastIndex(data, []byte("PK\x01\x02")) + 24
	copy(data[at:], []byte{1, 0, 0, 0})
	outer, _, err := extract(t, data, archive.Limits{Bytes: 1000})
	if err == nil {
		t.Error("no error")
	}
	if left, _ := os.ReadDir(outer); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWhatIsNoArchiveIsAFormatError(t *testing.T) {
	good := pack(t, entry{"a", plain, strings.Repeat("text ", 1000)})
	broken := bytes.Clone(good)
	broken[40] ^= 0xff
	for name, data := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "half an archive": good[:len(good)/2], "a flipped bit": broken} {
		if _, _, err := extract(t, data, archive.Limits{}); !errors.Is(err, archive.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHugeDirectoryIsNotRead(t *testing.T) {
	entries := make([]entry, 10_000)
	for i := range entries {
		entries[i] = entry{fmt.Sprintf("%0100d", i), plain, ""}
	}
	if _, _, err := extract(t, pack(t, entries...), archive.Limits{Entries: 10}); !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
}

func TestAnExistingDirectoryStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data := pack(t, entry{"a", plain, ""})
	err := archive.Extract(t.Context(), bytes.NewReader(data), int64(len(data)), dir, archive.Limits{})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("error is %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "mine" {
		t.Errorf("now: %v", left)
	}
}

func TestACancelledContextLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	data := pack(t, entry{"a", plain, ""})
	dir := filepath.Join(t.TempDir(), "dir")
	if err := archive.Extract(ctx, bytes.NewReader(data), int64(len(data)), dir, archive.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(pack(f, entry{"a/b", plain, "x"}, entry{"l", link, "a/b"}, entry{"run", 0o755, "y"}))
	f.Add(pack(f, entry{"../x", plain, "x"}))
	f.Add(pack(f, entry{"a", link, "b/.."}, entry{"b", link, "."}, entry{"a/x", plain, ""}))
	f.Fuzz(func(t *testing.T, data []byte) {
		outer, dir, err := extract(t, data, archive.Limits{Bytes: 1 << 20, Entries: 100})
		left, _ := os.ReadDir(outer)
		if err != nil && len(left) != 0 || len(left) > 1 {
			t.Fatalf("after %v: %v", err, left)
		}
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
			if d == nil || d.Type() != fs.ModeSymlink {
				return nil
			}
			if to, err := filepath.EvalSymlinks(path); err == nil && to != dir && !strings.HasPrefix(to, dir+"/") {
				t.Fatalf("%s leads to %s", path, to)
			}
			return nil
		})
	})
}
