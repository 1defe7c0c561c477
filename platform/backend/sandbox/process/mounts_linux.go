package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
	"golang.org/x/sys/unix"
)

// usualPoints are where functions expect their directories.
var usualPoints = []string{"/code", "/opt", "/tmp"}

// madeMark is the extended attribute of a mount point that a driver made.
const madeMark = "trusted.fcstack.mountpoint"

// points are the directories of the node that mounts are put on. Missing ones are made,
// and go again with the last platform that uses them: each holds a shared lock on them,
// because removing a directory would tear the mounts off it in every namespace.
type points struct {
	mu   sync.Mutex
	held []point // in the order of making, parents first
}

type point struct {
	path string
	lock *os.File
}

func newPoints() *points { return &points{} }

// ensure makes the missing ones of a directory and its parents.
func (p *points) ensure(path string) error {
	if path == "/" || path == "." {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ensureLocked(filepath.Clean(path))
}

func (p *points) ensureLocked(path string) error {
	if slices.ContainsFunc(p.held, func(h point) bool { return h.path == path && h.current() }) {
		return nil
	}
	if parent := filepath.Dir(path); parent != "/" {
		if err := p.ensureLocked(parent); err != nil {
			return err
		}
	}
	for range 10 { // the directory may go between making and locking it
		err := os.Mkdir(path, 0o755)
		if err == nil {
			err = unix.Setxattr(path, madeMark, []byte{'1'}, 0)
			if err != nil {
				return errors.Join(fmt.Errorf("mark mount point %s: %w", path, err), os.Remove(path))
			}
		} else if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make mount point: %w", err)
		}
		if !marked(path) {
			return nil // it was there before any of us
		}
		h, err := lockPoint(path)
		if err == nil && h.current() {
			p.held = append(p.held, h)
			return nil
		}
		if err == nil {
			h.lock.Close()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("mount point %s keeps going away: %w", path, fc.ErrUnavailable)
}

func marked(path string) bool {
	_, err := unix.Lgetxattr(path, madeMark, nil)
	return err == nil
}

func lockPoint(path string) (point, error) {
	f, err := os.OpenFile(path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return point{}, fmt.Errorf("lock mount point: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH); err != nil {
		f.Close()
		return point{}, fmt.Errorf("lock mount point %s: %w", path, err)
	}
	return point{path, f}, nil
}

// current tells whether the directory locked is still the one at its path.
func (h point) current() bool {
	locked, err1 := h.lock.Stat()
	there, err2 := os.Lstat(h.path)
	return err1 == nil && err2 == nil && os.SameFile(locked, there)
}

// close removes the points that nobody uses any more and that are empty.
func (p *points) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range slices.Backward(p.held) {
		if unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && h.current() {
			_ = os.Remove(h.path) // not empty: then somebody else needs it
		}
		h.lock.Close()
	}
	p.held = nil
}

// enter moves the thread into a new mount namespace and puts the mounts there. What is
// mounted on the node later still shows up inside, but nothing gets out.
func (p *points) enter(mounts []sandbox.Mount) error {
	for _, m := range mounts {
		if !filepath.IsAbs(m.Target) || filepath.Clean(m.Target) == "/" {
			return fmt.Errorf("mount on %q: %w", m.Target, fc.ErrInvalid)
		}
		if err := p.ensure(m.Target); err != nil {
			return err
		}
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return bindAll(mounts)
}

// bindAll opens every source before it mounts anything: a mount on /tmp would hide
// sources that lie below it.
func bindAll(mounts []sandbox.Mount) error {
	sources := make([]int, 0, len(mounts))
	defer func() {
		for _, fd := range sources {
			unix.Close(fd)
		}
	}()
	for _, m := range mounts {
		fd, err := unix.Open(m.Source, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("mount source %s: %w", m.Source, errors.Join(err, fc.ErrInvalid))
		}
		sources = append(sources, fd)
	}
	for i, m := range mounts {
		if err := bind(sources[i], m); err != nil {
			return err
		}
	}
	return nil
}

func bind(source int, m sandbox.Mount) error {
	from := fmt.Sprintf("/proc/self/fd/%d", source)
	if err := unix.Mount(from, m.Target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.Source, m.Target, err)
	}
	if !m.ReadOnly {
		return nil
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY)
	var st unix.Statfs_t
	if unix.Statfs(m.Target, &st) == nil { // these have the same bits in both places
		flags |= uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
	}
	if err := unix.Mount("", m.Target, "", flags, ""); err != nil {
		return fmt.Errorf("mount %s on %s read-only: %w", m.Source, m.Target, err)
	}
	return nil
}

// enterable opens the mount namespace of the platform, to come back to.
func enterable() (*os.File, error) { return os.Open("/proc/thread-self/ns/mnt") }

func leave(home *os.File) error {
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("return to the mount namespace of the node: %w", err)
	}
	return nil
}

// probeMounts tries it all once, on a thread that is thrown away.
func probeMounts(p *points) error {
	for _, path := range usualPoints {
		if err := p.ensure(path); err != nil {
			return err
		}
	}
	result := make(chan error, 1)
	go onThread(func() { result <- tryMount(p) })
	return <-result
}

func tryMount(p *points) error {
	home, err := enterable()
	if err != nil {
		return err
	}
	defer home.Close()
	if err := p.enter([]sandbox.Mount{{Source: "/", Target: usualPoints[0], ReadOnly: true}}); err != nil {
		return err
	}
	return leave(home)
}
