package sqlstore

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fcstack/fcstack/platform/fc"
)

// ErrKey says that the store was sealed under another key than the one given to Open.
var ErrKey = errors.New("encryption key does not fit the data")

// The first byte of a secret says how the rest is kept, so that a store that began
// without a key stays readable once it has one.
const (
	inClear = 0
	sealed  = 1
)

// codec turns the secret part of an object into a column and back.
type codec struct {
	aead cipher.AEAD // nil: secrets are kept in clear
}

func newCodec(key []byte) (codec, error) {
	if key == nil {
		return codec{}, nil
	}
	if len(key) != 32 {
		return codec{}, fmt.Errorf("encryption key of %d bytes, want 32: %w", len(key), fc.ErrInvalid)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return codec{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return codec{aead: aead}, err
}

// seal encrypts plain. The owner is bound into it: a secret that was copied to another
// row does not open.
func (c codec) seal(plain []byte, owner string) []byte {
	if c.aead == nil {
		return append([]byte{inClear}, plain...)
	}
	return c.aead.Seal([]byte{sealed}, nil, plain, []byte(owner))
}

func (c codec) open(secret []byte, owner string) ([]byte, error) {
	switch {
	case len(secret) > 0 && secret[0] == inClear:
		return secret[1:], nil
	case len(secret) > 0 && secret[0] == sealed && c.aead != nil:
		plain, err := c.aead.Open(nil, nil, secret[1:], []byte(owner))
		if err != nil {
			return nil, fmt.Errorf("open secret of %s: %w", owner, ErrKey)
		}
		return plain, nil
	case len(secret) > 0 && secret[0] == sealed:
		return nil, fmt.Errorf("secret of %s is encrypted and no key was given: %w", owner, ErrKey)
	}
	return nil, fmt.Errorf("secret of %s is kept in an unknown way", owner)
}

func encode(object any) (string, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w: %w", object, fc.ErrInvalid, err)
	}
	return string(raw), nil
}

func decode(raw string, object any) error {
	if err := json.Unmarshal([]byte(raw), object); err != nil {
		return fmt.Errorf("decode stored %T: %w", object, err)
	}
	return nil
}
