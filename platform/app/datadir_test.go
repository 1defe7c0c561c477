package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, path string) *dataDir {
	t.Helper()
	d, err := openDataDir(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestTheFirstStartMakesCredentialsAndLaterOnesKeepThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := open(t, path)
	first, err := d.credentials()
	if err != nil || !first.Fresh {
		t.Fatalf("%+v, %v", first.Fresh, err)
	}
	key, err := d.masterKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"credentials", "master.key", "lock", "layout.json"} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", name, info.Mode())
		}
	}
	d.Close()

	d = open(t, path)
	again, err := d.credentials()
	if err != nil {
		t.Fatal(err)
	}
	first.Fresh = false
	if again != first {
		t.Error("the credentials changed")
	}
	if same, err := d.masterKey(); err != nil || string(same) != string(key) {
		t.Errorf("the key changed, %v", err)
	}
}

func TestADirectoryIsUsedByOneProcess(t *testing.T) {
	path := t.TempDir()
	open(t, path)
	_, err := openDataDir(path, false)
	if err == nil || !strings.Contains(err.Error(), "in use by another fc standalone") {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryOfANewerReleaseIsLeftAlone(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "layout.json"), []byte(`{"layout": 999}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openDataDir(path, false)
	if err == nil || !strings.Contains(err.Error(), "newer release (layout 999, this one knows 1)") {
		t.Errorf("got %v", err)
	}
	left, _ := os.ReadDir(path)
	if len(left) != 1 {
		t.Errorf("the directory holds %d files now", len(left))
	}
}

func TestADamagedDirectoryIsNamed(t *testing.T) {
	for file, content := range map[string]string{"layout.json": "{", "credentials": "export A=1\n", "master.key": "abc"} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openDataDir(path, false)
		if err == nil {
			_, errKey := d.masterKey()
			_, errCredentials := d.credentials()
			d.Close()
			if err = errKey; err == nil {
				err = errCredentials
			}
		}
		if err == nil || !strings.Contains(err.Error(), file) && !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

func TestAnUnusableParentLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openDataDir(filepath.Join(file, "data"), false)
	if err == nil || !strings.Contains(err.Error(), "data directory") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestAnEphemeralDirectoryGoes(t *testing.T) {
	parent := t.TempDir()
	d, err := openDataDir(parent, true)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(d.path) != parent {
		t.Errorf("it is %s", d.path)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("%d entries are left", len(left))
	}
}

func TestValidateNamesTheFlag(t *testing.T) {
	for flag, change := range map[string]func(*Standalone){
		"--listen":        func(c *Standalone) { c.Listen = "9600" },
		"--health-listen": func(c *Standalone) { c.HealthListen = "0.0.0.0:1" },
		"--domain":        func(c *Standalone) { c.Domains = []string{"UPPER"} },
		"--region":        func(c *Standalone) { c.Region = "a b" },
		"--memory":        func(c *Standalone) { c.MemoryMB = -1 },
		"--drain-timeout": func(c *Standalone) { c.DrainTimeout = -1 },
		"--function-logs": func(c *Standalone) { c.FunctionLogs = "x" },
	} {
		cfg := DefaultStandalone()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), flag+":") {
			t.Errorf("%s: got %v", flag, err)
		}
	}
	if err := DefaultStandalone().Validate(); err != nil {
		t.Error(err)
	}
}
