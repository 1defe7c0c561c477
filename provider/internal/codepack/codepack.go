// Package codepack makes the ZIP of a function's code and its checksum. The
// same files give the same bytes on every machine; who sends them, and when,
// is left to others.
package codepack

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/fcstack/fcstack/platform/api"
)

// MaxSize is the largest package the API takes in a request, in bytes.
const MaxSize = 100 << 20

// ErrTooLarge says that a package is over MaxSize and has to go through an object store.
var ErrTooLarge = errors.New("the package is larger than the 100 MB that a request may carry")

// Package is a function's code, ready to be sent.
type Package struct {
	Zip      []byte
	Checksum string // CRC-64/ECMA of Zip, decimal, as the server reports it
}

// Base64 is the form in which the API takes a package.
func (p *Package) Base64() string { return base64.StdEncoding.EncodeToString(p.Zip) }

// Bytes takes a ZIP that is in memory already.
func Bytes(content []byte) (*Package, error) {
	if len(content) > MaxSize {
		return nil, ErrTooLarge
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, fmt.Errorf("it is not a ZIP archive: %w", err)
	}
	if len(archive.File) == 0 {
		return nil, errors.New("the ZIP archive is empty")
	}
	return newPackage(content), nil
}

// File takes a ZIP as it is.
func File(path string) (*Package, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > MaxSize:
		return nil, ErrTooLarge
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Bytes(content)
}

func newPackage(content []byte) *Package {
	return &Package{Zip: content, Checksum: api.Checksum(content)}
}
