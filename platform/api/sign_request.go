package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// scratch is reused memory for the texts that are signed.
type scratch struct {
	text  []byte
	query []param
}

var scratches = sync.Pool{New: func() any { return &scratch{text: make([]byte, 0, 1024)} }}

func getScratch() *scratch { return scratches.Get().(*scratch) }

func putScratch(s *scratch) {
	const keep = 16 << 10
	if cap(s.text) > keep {
		return
	}
	s.text = s.text[:0]
	clear(s.query)
	s.query = s.query[:0]
	scratches.Put(s)
}

// RawPath is the path of a request exactly as it was sent, percent-encoding
// included. The URL's own EscapedPath re-encodes what it finds odd.
func RawPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	if p := r.URL.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

type param struct{ name, value string }

// parseQuery appends the decoded parameters of a raw query, sorted by name and
// then value. It reports false for a query that cannot be decoded, and for a
// name that could pass for two parameters once it is written undecoded.
func parseQuery(to []param, raw string) ([]param, bool) {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || strings.ContainsAny(name, "&=\n") {
			return to, false
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return to, false
		}
		to = append(to, param{name, value})
	}
	slices.SortFunc(to, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	return to, true
}

// headerValue is a header's values as they are signed: trimmed, several sorted
// and joined by commas.
func headerValue(values []string) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return strings.TrimSpace(values[0])
	}
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = strings.TrimSpace(v)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// appendPrefixed appends a line name:value for each header whose canonical name
// begins with prefix, sorted by name.
func appendPrefixed(text []byte, h http.Header, prefix string) []byte {
	var room [16]string
	names := room[:0]
	for name := range h {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	for _, name := range names {
		text = appendLower(text, name)
		text = append(text, ':')
		text = append(text, headerValue(h[name])...)
		text = append(text, '\n')
	}
	return text
}

func appendLower(to []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}
