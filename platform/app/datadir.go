package app

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// layout is the version of the data directory that this release writes. It grows when
// an older release could not use the directory any more.
const layout = 1

// dataDir is a locked data directory.
type dataDir struct {
	path   string
	lock   *os.File
	remove bool
}

// openDataDir makes the directory if need be, checks that this release can use it, and
// locks it. When it fails, nothing has changed.
func openDataDir(path string, ephemeral bool) (*dataDir, error) {
	made, err := makeDir(&path, ephemeral)
	if err != nil {
		return nil, err
	}
	d := &dataDir{path: path, remove: ephemeral}
	undo := func(err error) (*dataDir, error) {
		if d.lock != nil {
			d.lock.Close()
		}
		if made != "" {
			os.RemoveAll(made)
		}
		return nil, err
	}
	if err := d.checkLayout(); err != nil {
		return undo(err)
	}
	if err := d.takeLock(); err != nil {
		return undo(err)
	}
	if err := d.writeLayout(); err != nil {
		return undo(err)
	}
	return d, nil
}

// makeDir makes the directory and tells the topmost one it made, or "".
func makeDir(path *string, ephemeral bool) (made string, err error) {
	if ephemeral {
		if *path != "" {
			if made, err = makeAll(*path); err != nil {
				return "", err
			}
		}
		tmp, err := os.MkdirTemp(*path, "fcstack-")
		if err != nil {
			return "", fmt.Errorf("data directory: cannot make a temporary one: %w", err)
		}
		if made == "" {
			made = tmp
		}
		*path = tmp
		return made, nil
	}
	if *path == "" {
		if *path, err = defaultDataDir(); err != nil {
			return "", err
		}
	}
	if *path, err = filepath.Abs(*path); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	return makeAll(*path)
}

func makeAll(path string) (made string, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		made = dir
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("data directory: cannot make %s: %w", path, reason(err))
	}
	return made, nil
}

// reason is the bare cause of a file error, whose path the message names already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

type layoutFile struct {
	Layout int `json:"layout"`
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) checkLayout() error {
	raw, err := os.ReadFile(d.file("layout.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory %s cannot be read: %w", d.path, reason(err))
	}
	var have layoutFile
	if err := json.Unmarshal(raw, &have); err != nil {
		return fmt.Errorf("data directory %s: layout.json is damaged: %w", d.path, err)
	}
	if have.Layout > layout {
		return fmt.Errorf("data directory %s was written by a newer release (layout %d, this one knows %d): use that release, or another --data-dir", d.path, have.Layout, layout)
	}
	return nil
}

func (d *dataDir) takeLock() error {
	f, err := os.OpenFile(d.file("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", d.path, reason(err))
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("data directory %s is in use by another fc standalone: stop that one, or give this one another --data-dir and --listen", d.path)
	}
	d.lock = f
	return nil
}

func (d *dataDir) writeLayout() error {
	if _, err := os.Stat(d.file("layout.json")); err == nil {
		return nil
	}
	raw, _ := json.Marshal(layoutFile{layout})
	return d.write("layout.json", append(raw, '\n'))
}

// write puts a file in place whole, readable by the owner alone, and safe from a crash.
func (d *dataDir) write(name string, content []byte) error {
	tmp := d.file("." + name + ".tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", d.path, reason(err))
	}
	_, err = io.Copy(f, bytes.NewReader(content))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, d.file(name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", d.file(name), err)
	}
	return syncDir(d.path)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Close unlocks the directory, and removes an ephemeral one.
func (d *dataDir) Close() error {
	err := d.lock.Close()
	if d.remove {
		err = errors.Join(err, os.RemoveAll(d.path))
	}
	return err
}

// masterKey is the key of what is encrypted at rest, made at the first start.
func (d *dataDir) masterKey() ([]byte, error) {
	raw, err := os.ReadFile(d.file("master.key"))
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		rand.Read(key)
		return key, d.write("master.key", []byte(hex.EncodeToString(key)+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.file("master.key"), reason(err))
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s is damaged: it is not 64 hexadecimal digits", d.file("master.key"))
	}
	return key, nil
}

// credentials are the account and the key that the first start made.
type credentials struct {
	Account string
	KeyID   string
	Secret  string
	Fresh   bool // made just now
}

// The names that the official SDKs and the provider read.
const (
	envAccount = "FC_ACCOUNT_ID"
	envKeyID   = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	envSecret  = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
)

// credentials reads the file of that name, or makes it. It can be sourced by a shell.
func (d *dataDir) credentials() (credentials, error) {
	raw, err := os.ReadFile(d.file("credentials"))
	if errors.Is(err, fs.ErrNotExist) {
		c := newCredentials()
		return c, d.write("credentials", []byte(c.exports()))
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read %s: %w", d.file("credentials"), reason(err))
	}
	c, err := parseCredentials(raw)
	if err != nil {
		return c, fmt.Errorf("%s is damaged: %w; remove it to have a new key made", d.file("credentials"), err)
	}
	return c, nil
}

func newCredentials() credentials {
	number, _ := rand.Int(rand.Reader, big.NewInt(9e15))
	secret := make([]byte, 24)
	rand.Read(secret)
	id := make([]byte, 9)
	rand.Read(id)
	return credentials{
		Account: fmt.Sprint(number.Int64() + 1e15),
		KeyID:   "FCAK" + hex.EncodeToString(id),
		Secret:  base64.RawURLEncoding.EncodeToString(secret),
		Fresh:   true,
	}
}

// exports is the credentials as lines for a shell.
func (c credentials) exports() string {
	return fmt.Sprintf("export %s=%s\nexport %s=%s\nexport %s=%s\n", envAccount, c.Account, envKeyID, c.KeyID, envSecret, c.Secret)
}

func parseCredentials(raw []byte) (credentials, error) {
	var c credentials
	fields := map[string]*string{envAccount: &c.Account, envKeyID: &c.KeyID, envSecret: &c.Secret}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export "), "=")
		if field, ok := fields[name]; ok {
			*field = value
		}
	}
	for name, field := range fields {
		if *field == "" {
			return c, fmt.Errorf("%s is missing", name)
		}
	}
	return c, nil
}
