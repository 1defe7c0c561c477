package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/fcstack/fcstack/platform/api"
)

// Package is a code package on its way into the object store: in a file without a name,
// with its digests.
type Package struct {
	tempDir string
	file    *os.File // nil: nothing was written
	sha     hash.Hash
	crc     hash.Hash64
	size    int64
}

// NewPackage makes an empty package; its file, once there is one, is in tempDir.
func NewPackage(tempDir string) *Package { return &Package{tempDir: tempDir} }

// Write makes the file at the first byte: most requests carry no package.
func (p *Package) Write(b []byte) (int, error) {
	if p.file == nil {
		f, err := tempFile(p.tempDir)
		if err != nil {
			return 0, err
		}
		p.file, p.sha, p.crc = f, sha256.New(), api.NewChecksum()
	}
	n, err := p.file.Write(b)
	p.sha.Write(b[:n])
	p.crc.Write(b[:n])
	p.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("stage package: %w", err)
	}
	return n, nil
}

// Size is the length of the package in bytes.
func (p *Package) Size() int64 { return p.size }

// SHA256 is the digest of a package that is not empty, in lower-case hex.
func (p *Package) SHA256() string { return hex.EncodeToString(p.sha.Sum(nil)) }

// CRC64 is the checksum of a package that is not empty, as the API writes it.
func (p *Package) CRC64() string { return api.ChecksumText(p.crc.Sum64()) }

// ReadAt reads from a package that is not empty.
func (p *Package) ReadAt(b []byte, at int64) (int, error) { return p.file.ReadAt(b, at) }

// Reader reads the package from its beginning.
func (p *Package) Reader() io.Reader { return io.NewSectionReader(p, 0, p.size) }

// Close removes the file.
func (p *Package) Close() {
	if p.file != nil {
		p.file.Close()
	}
}
