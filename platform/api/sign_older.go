package api

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the scheme is defined with it
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/http"
	"net/url"
)

const fcHeaderPrefix = "X-Fc-"

func parseROA(r *http.Request, text string) (*Signature, error) {
	s := &Signature{Scheme: ROA, req: r}
	var err error
	if s.AccessKeyID, s.signature, err = parseKeyAndSignature(text); err != nil {
		return nil, err
	}
	name, date := "x-acs-date", first(r.Header, "X-Acs-Date")
	if date == "" {
		name, date = "date", first(r.Header, "Date")
	}
	if s.Date, err = parseDate(name, date); err != nil {
		return nil, err
	}
	s.Nonce = first(r.Header, "X-Acs-Signature-Nonce")
	s.ContentSHA256 = first(r.Header, "X-Acs-Content-Sha256")
	s.ContentMD5 = first(r.Header, "Content-Md5")
	s.SecurityToken = first(r.Header, "X-Acs-Security-Token")
	return s, nil
}

func (s *Signature) verifyROA(secret string) bool {
	text, ok := roaText(s.req)
	return ok && hmac.Equal([]byte(keyed(sha1.New, secret, text)), []byte(s.signature))
}

// roaText is what the ROA scheme signs. False: the query is malformed.
func roaText(r *http.Request) ([]byte, bool) {
	text := make([]byte, 0, 512)
	text = append(append(text, r.Method...), '\n')
	text = append(append(text, headerValue(r.Header["Accept"])...), '\n')
	text = append(append(text, headerValue(r.Header["Content-Md5"])...), '\n')
	text = append(append(text, headerValue(r.Header["Content-Type"])...), '\n')
	text = append(append(text, headerValue(r.Header["Date"])...), '\n')
	text = appendPrefixed(text, r.Header, acsPrefix)
	text = append(text, RawPath(r)...)

	query, ok := parseQuery(nil, r.URL.RawQuery)
	for i, p := range query {
		sep := byte('&')
		if i == 0 {
			sep = '?'
		}
		text = append(append(text, sep), p.name...)
		if p.value != "" {
			text = append(append(text, '='), p.value...)
		}
	}
	return text, ok
}

func signROA(r *http.Request, c Credentials, o SignOptions) {
	r.Header.Set("Date", o.Date.UTC().Format(http.TimeFormat))
	r.Header.Set("X-Acs-Signature-Method", "HMAC-SHA1")
	r.Header.Set("X-Acs-Signature-Version", "1.0")
	r.Header.Set("X-Acs-Signature-Nonce", o.Nonce)
	r.Header.Set("X-Acs-Version", Version)
	if o.ContentSHA256 != "" {
		r.Header.Set("X-Acs-Content-Sha256", o.ContentSHA256)
	}
	if c.SecurityToken != "" {
		r.Header.Set("X-Acs-Accesskey-Id", c.AccessKeyID)
		r.Header.Set("X-Acs-Security-Token", c.SecurityToken)
	}
	text, _ := roaText(r)
	r.Header.Set("Authorization", roaPrefix+c.AccessKeyID+":"+keyed(sha1.New, c.AccessKeySecret, text))
}

func parseFC(r *http.Request, text string) (*Signature, error) {
	s := &Signature{Scheme: FC, req: r}
	var err error
	if s.AccessKeyID, s.signature, err = parseKeyAndSignature(text); err != nil {
		return nil, err
	}
	name, date := "date", first(r.Header, "Date")
	if date == "" {
		name, date = "x-fc-date", first(r.Header, "X-Fc-Date")
	}
	if s.Date, err = parseDate(name, date); err != nil {
		return nil, err
	}
	s.ContentMD5 = first(r.Header, "Content-Md5")
	s.SecurityToken = first(r.Header, "X-Fc-Security-Token")
	return s, nil
}

// verifyFC takes the path decoded, as the scheme's own SDKs sign it, and as sent.
func (s *Signature) verifyFC(secret string) bool {
	raw := RawPath(s.req)
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return false
	}
	if s.matchesFC(secret, decoded) {
		return true
	}
	return raw != decoded && s.matchesFC(secret, raw)
}

func (s *Signature) matchesFC(secret, path string) bool {
	text, ok := fcText(s.req, path, s.Trigger)
	return ok && hmac.Equal([]byte(keyed(sha256.New, secret, text)), []byte(s.signature))
}

// fcText is what the FC scheme signs. Only calls of HTTP triggers sign the query,
// one line for each parameter. False: the query is malformed.
func fcText(r *http.Request, path string, trigger bool) ([]byte, bool) {
	text := make([]byte, 0, 512)
	text = append(append(text, r.Method...), '\n')
	text = append(append(text, headerValue(r.Header["Content-Md5"])...), '\n')
	text = append(append(text, headerValue(r.Header["Content-Type"])...), '\n')
	text = append(append(text, headerValue(r.Header["Date"])...), '\n')
	text = appendPrefixed(text, r.Header, fcHeaderPrefix)
	text = append(text, path...)
	if !trigger {
		return text, true
	}
	query, ok := parseQuery(nil, r.URL.RawQuery)
	text = append(text, '\n')
	for i, p := range query {
		if i > 0 {
			text = append(text, '\n')
		}
		text = append(append(append(text, p.name...), '='), p.value...)
	}
	return text, ok
}

func signFC(r *http.Request, c Credentials, o SignOptions) {
	r.Header.Set("Date", o.Date.UTC().Format(http.TimeFormat))
	if c.SecurityToken != "" {
		r.Header.Set("X-Fc-Security-Token", c.SecurityToken)
	}
	path, err := url.PathUnescape(RawPath(r))
	if err != nil {
		path = RawPath(r)
	}
	text, _ := fcText(r, path, o.Trigger)
	r.Header.Set("Authorization", fcPrefix+c.AccessKeyID+":"+keyed(sha256.New, c.AccessKeySecret, text))
}

func keyed(h func() hash.Hash, secret string, text []byte) string {
	mac := hmac.New(h, []byte(secret))
	mac.Write(text)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
