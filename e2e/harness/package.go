package harness

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Zip packs files, by their path in the archive, and gives it as base64, which is how
// the API takes code. Every file may be executed.
func Zip(files map[string][]byte) string {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(files[name])
		}
		if err != nil {
			panic("pack " + name + ": " + err.Error()) // memory takes everything
		}
	}
	if err := w.Close(); err != nil {
		panic("pack: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// ZipDir packs a folder.
func ZipDir(dir string) (string, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("pack %s: %w", dir, err)
	}
	return Zip(files), nil
}

var built struct {
	sync.Mutex
	binaries map[string][]byte
}

// GoBinary builds the Go program in dir, a path from the root of the repository, for
// this machine, statically. It is built once a process.
func GoBinary(dir string) ([]byte, error) {
	built.Lock()
	defer built.Unlock()
	if b, ok := built.binaries[dir]; ok {
		return b, nil
	}
	tmp, err := os.MkdirTemp("", "fc-e2e-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, "main")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./"+dir)
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", dir, err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	if built.binaries == nil {
		built.binaries = map[string][]byte{}
	}
	built.binaries[dir] = b
	return b, nil
}

// Root is the root of the repository: the nearest folder above with a go.mod.
func Root() string {
	dir, err := os.Getwd()
	if err != nil {
		panic("working directory: " + err.Error())
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			panic("no go.mod above " + dir)
		}
	}
}
