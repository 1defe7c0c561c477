package api

import (
	"crypto/md5" //nolint:gosec // Content-MD5 is defined with it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
)

// BodyHash hashes a body while it is read and, at its end, compares with what
// the signature claims: instead of io.EOF it then answers the mismatch.
type BodyHash struct {
	sig *Signature
	in  io.Reader
	sha hash.Hash
	md5 hash.Hash
	err error
}

// Body wraps a body that came with the signature. What is read from it may only
// be believed once Read answered io.EOF.
func (s *Signature) Body(in io.Reader) *BodyHash {
	b := &BodyHash{sig: s, in: in}
	if s.ContentSHA256 != "" {
		b.sha = sha256.New()
	}
	if s.ContentMD5 != "" {
		b.md5 = md5.New()
	}
	return b
}

// Read implements io.Reader.
func (b *BodyHash) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.in.Read(p)
	if b.sha != nil {
		b.sha.Write(p[:n])
	}
	if b.md5 != nil {
		b.md5.Write(p[:n])
	}
	if err == io.EOF {
		err = b.compare()
	}
	b.err = err
	return n, err
}

func (b *BodyHash) compare() error {
	if b.sha != nil && !b.sig.matchesSHA256(b.sha.Sum(nil)) || b.md5 != nil && !b.sig.matchesMD5(b.md5.Sum(nil)) {
		return errBody()
	}
	return io.EOF
}

// CheckBody compares a whole body with what the signature claims about it.
func (s *Signature) CheckBody(body []byte) error {
	if s.ContentSHA256 != "" {
		sum := sha256.Sum256(body)
		if !s.matchesSHA256(sum[:]) {
			return errBody()
		}
	}
	if s.ContentMD5 != "" {
		sum := md5.Sum(body) //nolint:gosec // see above
		if !s.matchesMD5(sum[:]) {
			return errBody()
		}
	}
	return nil
}

func errBody() *Error {
	return Errorf(CodeSignatureNotMatch, "the body received is not the body that was signed")
}

func (s *Signature) matchesSHA256(sum []byte) bool {
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum)
	return subtle.ConstantTimeCompare(text[:], []byte(s.ContentSHA256)) == 1
}

// matchesMD5 takes the standard form, base64 of the sum, and the form of the FC
// scheme's SDKs, base64 of the sum's hex text.
func (s *Signature) matchesMD5(sum []byte) bool {
	claimed := []byte(s.ContentMD5)
	plain := base64.StdEncoding.EncodeToString(sum)
	ofHex := base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum)))
	return subtle.ConstantTimeCompare([]byte(plain), claimed)|subtle.ConstantTimeCompare([]byte(ofHex), claimed) == 1
}

// SHA256Text is the hash of a body as the ACS3 scheme writes it.
func SHA256Text(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
