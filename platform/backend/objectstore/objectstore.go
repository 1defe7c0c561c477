// Package objectstore is the contract of the store for code packages and large
// payloads. Content addressing and access rights are left to its users.
package objectstore

import (
	"context"
	"io"
	"time"
)

// Store keeps objects by key. A key is one or more segments of letters, digits and
// "-_.!*'()=@+ ," joined by "/", no segment being "." or "..", 1024 bytes at most;
// another key is fc.ErrInvalid. All methods are safe for concurrent use.
type Store interface {
	// Put stores the whole of r under key, replacing what was there. Readers see the
	// old object or the new one, never a part; when Put has returned, the object
	// survives a crash. If r fails, its error is returned and nothing has changed.
	Put(ctx context.Context, key string, r io.Reader) (Object, error)

	// Get opens an object; the caller closes it. fc.ErrNotFound.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)

	// Stat: fc.ErrNotFound.
	Stat(ctx context.Context, key string) (Object, error)

	// Delete removes an object. A missing one is no error.
	Delete(ctx context.Context, key string) error

	// List lists keys that begin with prefix and are greater than after, ascending in
	// byte order, at most limit (0: all).
	List(ctx context.Context, prefix, after string, limit int) ([]Object, error)
}

// Object describes a stored object.
type Object struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}

// UserKey is where an object of a user's bucket lies. Code given as ossBucketName and
// ossObjectName is read from there.
func UserKey(account, bucket, object string) string {
	return "oss/" + account + "/" + bucket + "/" + object
}

// CodeKey is where the platform keeps a code package with this SHA-256 (lower-case hex).
func CodeKey(account, sha256 string) string {
	return "code/" + account + "/" + sha256 + ".zip"
}
