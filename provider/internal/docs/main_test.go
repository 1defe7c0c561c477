package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The documentation in the tree is what the schema and the examples give today.
func TestDocumentationIsCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tfplugindocs: left out of -short")
	}
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	below, err := filepath.Rel(dir, out)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), dir, below); err != nil {
		t.Fatal(err)
	}
	want, have := files(t, out), files(t, filepath.Join(dir, "docs"))
	if !slices.Equal(want, have) {
		t.Fatalf("docs has %v, generated is %v: run go generate ./provider", have, want)
	}
	for _, name := range want {
		if read(t, filepath.Join(out, name)) != read(t, filepath.Join(dir, "docs", name)) {
			t.Errorf("docs/%s is not what is generated: run go generate ./provider", name)
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
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

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
