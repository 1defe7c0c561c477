package api

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Scheme is a way to sign a request.
type Scheme int

// The schemes clients of the API use. ACS3 covers headers and body; ROA and FC
// are older, weaker, and still sent by Terraform providers and command lines.
const (
	ACS3 Scheme = iota // ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…
	ROA                // acs <access key>:<base64 of HMAC-SHA1>
	FC                 // FC <access key>:<base64 of HMAC-SHA256>
)

const (
	acs3Prefix = "ACS3-HMAC-SHA256 "
	roaPrefix  = "acs "
	fcPrefix   = "FC "
)

// Signature is what a request claims about its sender. Nothing in it is to be
// believed before Verify, and the body not before its hash was compared.
type Signature struct {
	Scheme        Scheme
	AccessKeyID   string
	Date          time.Time
	Nonce         string // empty: the scheme has none
	ContentSHA256 string // lower hex; empty: the body's SHA-256 is not signed
	ContentMD5    string // as received; empty: the body's MD5 is not signed
	SecurityToken string

	// The request goes to an HTTP trigger. The FC scheme signs the query only then,
	// and clients of ACS3 sign no more than its date.
	Trigger bool // set by ParseTriggerSignature

	req           *http.Request
	signedHeaders string
	signature     string
}

// ParseSignature reads the Authorization header and the headers that belong to
// it. It answers an *Error when one is absent or malformed. The signature keeps
// the request: verify it before changing the request's headers or URL.
func ParseSignature(r *http.Request) (*Signature, error) { return parseSignature(r, false) }

// ParseTriggerSignature is ParseSignature for a request to an HTTP trigger.
func ParseTriggerSignature(r *http.Request) (*Signature, error) { return parseSignature(r, true) }

func parseSignature(r *http.Request, trigger bool) (s *Signature, err error) {
	auth := first(r.Header, "Authorization")
	switch {
	case auth == "":
		return nil, Errorf(CodeSignatureNotMatch, "the request is not signed: header Authorization is absent")
	case strings.HasPrefix(auth, acs3Prefix):
		s, err = parseACS3(r, auth[len(acs3Prefix):], trigger)
	case strings.HasPrefix(auth, roaPrefix):
		s, err = parseROA(r, auth[len(roaPrefix):])
	case strings.HasPrefix(auth, fcPrefix):
		s, err = parseFC(r, auth[len(fcPrefix):])
	default:
		return nil, errScheme(auth)
	}
	if err != nil {
		return nil, err
	}
	s.Trigger = trigger
	return s, nil
}

func errScheme(auth string) error {
	scheme, _, _ := strings.Cut(auth, " ")
	const shown = 32
	if len(scheme) > shown {
		scheme = scheme[:shown]
	}
	return Errorf(CodeSignatureNotMatch, "unknown signature scheme %q, one of ACS3-HMAC-SHA256, acs, FC is expected", scheme)
}

// Verify rebuilds the signature with the access key's secret from what was
// received and compares. The body's hash is compared elsewhere: see Body.
func (s *Signature) Verify(secret string) error {
	var ok bool
	switch s.Scheme {
	case ACS3:
		ok = s.verifyACS3(secret)
	case ROA:
		ok = s.verifyROA(secret)
	case FC:
		ok = s.verifyFC(secret)
	}
	if !ok {
		return errSignature()
	}
	return nil
}

func errSignature() *Error {
	return Errorf(CodeSignatureNotMatch, "the signature does not match: check the access key secret and that nothing between changed the request")
}

// Credentials are an access key with its secret; the token only with temporary ones.
type Credentials struct {
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string
}

// SignOptions are what a signature covers beside the request itself.
type SignOptions struct {
	Scheme        Scheme
	Action        string    // operation name; ACS3 needs it
	ContentSHA256 string    // lower hex; empty means there is no body
	Date          time.Time // zero means now
	Nonce         string    // empty means a random one
	Trigger       bool      // the request goes to an HTTP trigger
}

// Sign adds to r the headers of a signature, Authorization included. Host,
// Content-Type and everything else that is signed must be set before.
func Sign(r *http.Request, c Credentials, o SignOptions) {
	if o.Date.IsZero() {
		o.Date = time.Now()
	}
	if o.Nonce == "" {
		o.Nonce = newNonce()
	}
	switch o.Scheme {
	case ACS3:
		signACS3(r, c, o)
	case ROA:
		signROA(r, c, o)
	case FC:
		signFC(r, c, o)
	}
}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// first is Header.Get for a name already in canonical case.
func first(h http.Header, canonical string) string {
	if v := h[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// parseKeyAndSignature reads "<access key>:<signature>", the form of the older schemes.
func parseKeyAndSignature(text string) (key, signature string, err error) {
	key, signature, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok || key == "" || signature == "" {
		return "", "", Errorf(CodeSignatureNotMatch, "header Authorization is malformed: <access key>:<signature> is expected")
	}
	return key, signature, nil
}

var dateLayouts = [...]string{"2006-01-02T15:04:05Z", http.TimeFormat, time.RFC1123, time.RFC3339}

// parseDate reads a date in any form a scheme's clients send.
func parseDate(header, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, Errorf(CodeMissingRequiredHeader, "header %s is absent", header)
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, Errorf(CodeSignatureNotMatch, "header %s: %q is not a date like 2006-01-02T15:04:05Z", header, text)
}
