package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

const (
	acs3Algorithm = "ACS3-HMAC-SHA256"
	acsPrefix     = "X-Acs-"
	emptySHA256   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	acsDateLayout = "2006-01-02T15:04:05Z"
)

// acs3Required are the headers that a signature must cover. With fewer, someone
// between could change what the request says about itself.
var acs3Required = [...]string{
	"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version",
}

var acs3Present = [...]string{
	"X-Acs-Action", "X-Acs-Content-Sha256", "X-Acs-Date", "X-Acs-Signature-Nonce", "X-Acs-Version",
}

// acs3RequiredByTriggers is what the published samples for HTTP triggers sign.
var acs3RequiredByTriggers = [...]string{"x-acs-date"}

func parseACS3(r *http.Request, params string, trigger bool) (*Signature, error) {
	s := &Signature{Scheme: ACS3, req: r}
	for params != "" {
		var part string
		part, params, _ = strings.Cut(params, ",")
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			s.AccessKeyID = value
		case "SignedHeaders":
			s.signedHeaders = value
		case "Signature":
			s.signature = value
		}
	}
	if s.AccessKeyID == "" || s.signedHeaders == "" || s.signature == "" {
		return nil, Errorf(CodeSignatureNotMatch, "header Authorization is malformed: Credential, SignedHeaders and Signature are expected")
	}
	required, present := acs3Required[:], acs3Present[:]
	if trigger {
		required, present = acs3RequiredByTriggers[:], nil // parseDate wants the date
	}
	for _, name := range present {
		if first(r.Header, name) == "" {
			return nil, Errorf(CodeMissingRequiredHeader, "header %s is absent", strings.ToLower(name))
		}
	}
	if err := s.checkSignedHeaders(required); err != nil {
		return nil, err
	}
	var err error
	if s.Date, err = parseDate("x-acs-date", first(r.Header, "X-Acs-Date")); err != nil {
		return nil, err
	}
	s.Nonce = first(r.Header, "X-Acs-Signature-Nonce")
	s.ContentSHA256 = first(r.Header, "X-Acs-Content-Sha256")
	s.SecurityToken = first(r.Header, "X-Acs-Security-Token")
	return s, nil
}

// checkSignedHeaders requires the named headers, and every x-acs header that
// was received, to be covered by the signature.
func (s *Signature) checkSignedHeaders(required []string) error {
	for _, name := range required {
		if !isSigned(s.signedHeaders, name) {
			return Errorf(CodeSignatureNotMatch, "header %s must be among the signed headers", name)
		}
	}
	for name, values := range s.req.Header {
		if !strings.HasPrefix(name, acsPrefix) {
			continue
		}
		if !isSigned(s.signedHeaders, name) {
			return Errorf(CodeSignatureNotMatch, "header %s was sent but is not signed", strings.ToLower(name))
		}
		if len(values) > 1 {
			return Errorf(CodeSignatureNotMatch, "header %s was sent more than once", strings.ToLower(name))
		}
	}
	return nil
}

// isSigned looks for a name in a list like "content-type;host;x-acs-date".
func isSigned(list, name string) bool {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ";")
		if len(one) == len(name) && strings.EqualFold(one, name) {
			return true
		}
	}
	return false
}

func (s *Signature) verifyACS3(secret string) bool {
	if s.matchesACS3(secret, s.ContentSHA256) {
		return true
	}
	// A trigger's client that does not sign the body puts nothing in the hash's place,
	// or the hash of nothing.
	return s.ContentSHA256 == "" && s.matchesACS3(secret, emptySHA256)
}

func (s *Signature) matchesACS3(secret, bodyHash string) bool {
	want, ok := acs3Signature(s.req, s.signedHeaders, bodyHash, secret)
	return ok && hmac.Equal(want[:], []byte(s.signature))
}

// acs3Signature computes the hex signature of r. False: the query is malformed.
func acs3Signature(r *http.Request, signedHeaders, bodyHash, secret string) (sig [2 * sha256.Size]byte, ok bool) {
	sc := getScratch()
	defer putScratch(sc)
	if sc.query, ok = parseQuery(sc.query, r.URL.RawQuery); !ok {
		return sig, false
	}
	sc.text = appendACS3Request(sc.text, r, sc.query, signedHeaders, bodyHash)
	sum := sha256.Sum256(sc.text)

	sc.text = append(sc.text[:0], acs3Algorithm+"\n"...)
	sc.text = hex.AppendEncode(sc.text, sum[:])
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(sc.text)
	hex.Encode(sig[:], mac.Sum(sum[:0]))
	return sig, true
}

// appendACS3Request writes the canonical request: method, path, query, header
// lines, header names and body hash, a line feed between each.
func appendACS3Request(text []byte, r *http.Request, query []param, signedHeaders, bodyHash string) []byte {
	text = append(text, r.Method...)
	text = append(text, '\n')
	text = appendACS3Path(text, RawPath(r))
	text = append(text, '\n')
	for i, p := range query {
		if i > 0 {
			text = append(text, '&')
		}
		text = append(text, p.name...)
		text = append(text, '=')
		text = appendEncoded(text, p.value)
	}
	text = append(text, '\n')
	for list := signedHeaders; list != ""; {
		var name string
		name, list, _ = strings.Cut(list, ";")
		text = appendLower(text, name)
		text = append(text, ':')
		text = append(text, signedValue(r, name)...)
		text = append(text, '\n')
	}
	text = append(text, '\n')
	text = append(text, signedHeaders...)
	text = append(text, '\n')
	return append(text, bodyHash...)
}

func signedValue(r *http.Request, name string) string {
	if strings.EqualFold(name, "host") {
		if r.Host != "" {
			return r.Host
		}
		return r.URL.Host
	}
	// A map index by a converted byte slice does not allocate.
	var room [64]byte
	key := appendCanonical(room[:0], name)
	return headerValue(r.Header[string(key)])
}

// appendCanonical writes a header name the way http.Header spells it.
func appendCanonical(to []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		switch {
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !upper && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		upper = c == '-'
		to = append(to, c)
	}
	return to
}

// appendACS3Path writes a path as sent, but for the three characters that
// clients encode differently.
func appendACS3Path(to []byte, path string) []byte {
	if path == "" {
		return append(to, '/')
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '+':
			to = append(to, "%20"...)
		case c == '*':
			to = append(to, "%2A"...)
		case c == '%' && strings.HasPrefix(path[i:], "%7E"):
			to = append(to, '~')
			i += 2
		default:
			to = append(to, c)
		}
	}
	return to
}

// appendEncoded percent-encodes everything but RFC 3986's unreserved characters.
func appendEncoded(to []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' {
			to = append(to, c)
			continue
		}
		to = append(to, '%', digits[c>>4], digits[c&15])
	}
	return to
}

func signACS3(r *http.Request, c Credentials, o SignOptions) {
	if o.ContentSHA256 == "" {
		o.ContentSHA256 = emptySHA256
	}
	r.Header.Set("X-Acs-Action", o.Action)
	r.Header.Set("X-Acs-Version", Version)
	r.Header.Set("X-Acs-Date", o.Date.UTC().Format(acsDateLayout))
	r.Header.Set("X-Acs-Signature-Nonce", o.Nonce)
	r.Header.Set("X-Acs-Content-Sha256", o.ContentSHA256)
	if c.SecurityToken != "" {
		r.Header.Set("X-Acs-Accesskey-Id", c.AccessKeyID)
		r.Header.Set("X-Acs-Security-Token", c.SecurityToken)
	}
	names := []string{"host"}
	for name := range r.Header {
		if strings.HasPrefix(name, acsPrefix) || name == "Content-Type" {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	list := strings.Join(names, ";")
	sig, _ := acs3Signature(r, list, o.ContentSHA256, c.AccessKeySecret)
	r.Header.Set("Authorization", acs3Prefix+"Credential="+c.AccessKeyID+",SignedHeaders="+list+",Signature="+string(sig[:]))
}
