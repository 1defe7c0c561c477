package codepack_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/provider/internal/codepack"
)

// tree makes a directory; a name that ends in "*" is an executable, a content
// that begins with "->" a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name, executable := strings.CutSuffix(name, "*")
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "->"); ok {
			if err := os.Symlink(target, file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		mode := fs.FileMode(0o600)
		if executable {
			mode = 0o700
		}
		if err := os.WriteFile(file, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pack(t *testing.T, dir string) *codepack.Package {
	t.Helper()
	p, err := codepack.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func names(t *testing.T, p *codepack.Package) []string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(p.Zip), int64(len(p.Zip)))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.File {
		out = append(out, f.Name)
	}
	return out
}

func TestSameFilesGiveTheSamePackage(t *testing.T) {
	files := map[string]string{"index.py": "x", "lib/a.py": "a", "lib/b.py": "b", "run*": "#!/bin/sh"}
	one, two := tree(t, files), tree(t, files)
	// Times, and modes beyond the executable bit, differ from machine to machine.
	if err := os.Chtimes(filepath.Join(two, "index.py"), time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(two, "index.py"), 0o666); err != nil {
		t.Fatal(err)
	}
	first, second := pack(t, one), pack(t, two)
	if !bytes.Equal(first.Zip, second.Zip) || first.Checksum != second.Checksum {
		t.Error("two directories with the same files give two packages")
	}
	if err := os.WriteFile(filepath.Join(two, "index.py"), []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed := pack(t, two); changed.Checksum == first.Checksum {
		t.Error("another content gives the same checksum")
	}
}

func TestModesAndLinksAreKept(t *testing.T) {
	p := pack(t, tree(t, map[string]string{"run*": "x", "data": "y", "bin/link": "->../run"}))
	r, err := zip.NewReader(bytes.NewReader(p.Zip), int64(len(p.Zip)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"run": 0o755, "data": 0o644, "bin/link": fs.ModeSymlink | 0o777}
	for _, f := range r.File {
		if f.Mode() != want[f.Name] {
			t.Errorf("%s has the mode %v, want %v", f.Name, f.Mode(), want[f.Name])
		}
		if f.Name == "bin/link" {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if target, err := io.ReadAll(in); err != nil || string(target) != "../run" {
				t.Errorf("the link points to %q, %v", target, err)
			}
		}
	}
}

func TestIgnoreFileFollowsTheSyntaxOfGit(t *testing.T) {
	all := map[string]string{
		"index.py": "1", "README.md": "1", "test_index.py": "1", "build/out.o": "1", "build/keep.txt": "1",
		"src/a.py": "1", "src/a.pyc": "1", "src/deep/b.pyc": "1", "src/build/x": "1", "docs/x/y.md": "1",
		"data1.csv": "1", "data2.csv": "1", "#hash": "1", ".git/config": "1",
	}
	for _, c := range []struct {
		name, rules string
		out         []string // besides .git and the ignore file itself
	}{
		{"nothing", "", nil},
		{"a name anywhere", "build", []string{"build/keep.txt", "build/out.o", "src/build/x"}},
		{"a directory at the top", "/build/", []string{"build/keep.txt", "build/out.o"}},
		{"a path is anchored", "src/a.py", []string{"src/a.py"}},
		{"a directory rule does not match a file", "index.py/", nil},
		{"a star stops at a slash", "src/*.pyc", []string{"src/a.pyc"}},
		{"two stars do not", "src/**/*.pyc", []string{"src/a.pyc", "src/deep/b.pyc"}},
		{"two stars in front", "**/deep", []string{"src/deep/b.pyc"}},
		{"two stars behind", "docs/**", []string{"docs/x/y.md"}},
		{"an exception", "*.pyc\n!a.pyc", []string{"src/deep/b.pyc"}},
		{"the last rule decides", "!a.pyc\n*.pyc", []string{"src/a.pyc", "src/deep/b.pyc"}},
		{"nothing comes back out of a directory", "build/\n!build/keep.txt", []string{"build/keep.txt", "build/out.o", "src/build/x"}},
		{"but out of its content", "/build/*\n!/build/keep.txt", []string{"build/out.o"}},
		{"a class", "data[12].csv", []string{"data1.csv", "data2.csv"}},
		{"a negated class", "data[!1].csv", []string{"data2.csv"}},
		{"a question mark", "data?.csv", []string{"data1.csv", "data2.csv"}},
		{"comments, blanks and carriage returns", "# all\r\n\r\nREADME.md  \r\n", []string{"README.md"}},
		{"an escaped hash", `\#hash`, []string{"#hash"}},
		{"a bracket that is never closed", "data[1.csv", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, all)
			if err := os.WriteFile(filepath.Join(dir, codepack.IgnoreFile), []byte(c.rules), 0o600); err != nil {
				t.Fatal(err)
			}
			got := names(t, pack(t, dir))
			for name := range all {
				want := name != ".git/config" && !slices.Contains(c.out, name)
				if slices.Contains(got, name) != want {
					t.Errorf("%s in the package: %t, want %t", name, !want, want)
				}
			}
			if slices.Contains(got, codepack.IgnoreFile) {
				t.Error("the ignore file is in the package")
			}
		})
	}
}

func TestUnusableDirectoriesAreRefused(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"f": "x"}), "f")
	for _, c := range []struct{ name, dir, mention string }{
		{"one that is not there", filepath.Join(t.TempDir(), "gone"), "gone"},
		{"a file", file, "not a directory"},
		{"one that is empty", t.TempDir(), "nothing to pack"},
		{"one where everything is ignored", tree(t, map[string]string{"a": "1", ".fcignore": "*"}), "nothing to pack"},
		{"one with an absolute link", tree(t, map[string]string{"a": "->/etc/passwd"}), "outside"},
		{"one with a link out of it", tree(t, map[string]string{"a/b": "->../../x"}), "outside"},
		{"one with an ignore rule that is none", tree(t, map[string]string{"a": "1", ".fcignore": "[z-a]"}), "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := codepack.Dir(c.dir)
			if err == nil || !strings.Contains(err.Error(), c.mention) {
				t.Errorf("the error is %v, want one that mentions %q", err, c.mention)
			}
		})
	}
}

func TestFilesAreTakenAsTheyAre(t *testing.T) {
	p := pack(t, tree(t, map[string]string{"a": "1"}))
	file := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(file, p.Zip, 0o600); err != nil {
		t.Fatal(err)
	}
	same, err := codepack.File(file)
	if err != nil {
		t.Fatal(err)
	}
	if same.Checksum != p.Checksum {
		t.Errorf("the checksum is %s, want %s", same.Checksum, p.Checksum)
	}
	t.Run("one that is too large is not even read", func(t *testing.T) {
		if err := os.Truncate(file, codepack.MaxSize+1); err != nil {
			t.Fatal(err)
		}
		if _, err := codepack.File(file); !errors.Is(err, codepack.ErrTooLarge) {
			t.Errorf("the error is %v, want ErrTooLarge", err)
		}
	})
	t.Run("a directory is none", func(t *testing.T) {
		if _, err := codepack.File(t.TempDir()); err == nil {
			t.Error("a directory is taken as a file")
		}
	})
	t.Run("an archive without entries is refused", func(t *testing.T) {
		var empty bytes.Buffer
		if err := zip.NewWriter(&empty).Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := codepack.Bytes(empty.Bytes()); err == nil {
			t.Error("an empty archive is taken")
		}
	})
}
