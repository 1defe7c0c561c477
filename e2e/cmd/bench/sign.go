//go:build linux

package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// signer makes signed InvokeFunction requests; every one has a nonce of its own.
type signer struct {
	Host, Path  string
	Key, Secret string

	bodyHash string
	count    int
	prefix   string // of the nonces
}

// next renders one whole request, ready to be sent.
func (s *signer) next(body []byte) []byte {
	if s.bodyHash == "" {
		sum := sha256.Sum256(body)
		s.bodyHash = hex.EncodeToString(sum[:])
		s.prefix = rand.Text() + "-"
	}
	s.count++
	headers := [][2]string{
		{"content-type", "application/octet-stream"},
		{"host", s.Host},
		{"x-acs-action", "InvokeFunction"},
		{"x-acs-content-sha256", s.bodyHash},
		{"x-acs-date", time.Now().UTC().Format("2006-01-02T15:04:05Z")},
		{"x-acs-signature-nonce", s.prefix + strconv.Itoa(s.count)},
		{"x-acs-version", "2023-03-30"},
	}
	var lines, names, wire strings.Builder
	wire.WriteString("POST " + s.Path + " HTTP/1.1\r\n")
	for i, h := range headers {
		lines.WriteString(h[0] + ":" + h[1] + "\n")
		wire.WriteString(h[0] + ": " + h[1] + "\r\n")
		if i > 0 {
			names.WriteByte(';')
		}
		names.WriteString(h[0])
	}
	request := sha256.Sum256([]byte("POST\n" + s.Path + "\n\n" + lines.String() + "\n" + names.String() + "\n" + s.bodyHash))
	mac := hmac.New(sha256.New, []byte(s.Secret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(request[:])))
	wire.WriteString("Authorization: ACS3-HMAC-SHA256 Credential=" + s.Key + ",SignedHeaders=" + names.String() +
		",Signature=" + hex.EncodeToString(mac.Sum(nil)) + "\r\n")
	wire.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	return append([]byte(wire.String()), body...)
}
