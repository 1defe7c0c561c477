package api

import (
	"strings"
	"unicode/utf8"
)

// Limits of the API that more than one place needs.
const (
	MaxZipFile       = 100 << 20 // bytes of a package inside a request
	MaxObjectPackage = 500 << 20 // bytes of a package out of a bucket
	MaxEvent         = 32 << 20  // bytes of a synchronous request
	MaxHeaderBytes   = 8 << 10   // of an HTTP trigger's request or answer
	MaxTargetBytes   = 4 << 10   // path and query of an HTTP trigger's request
	MaxListLimit     = 100
	DefaultListLimit = 20
)

// checks collects the first failure of a list of checks.
type checks struct{ err error }

func (c *checks) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = InvalidArgument(field, format, args...)
	}
}

// length checks a text's length in characters.
func (c *checks) length(field, value string, low, high int) {
	if n := utf8.RuneCountInString(value); n < low || n > high {
		c.fail(field, "%d characters are not between %d and %d", n, low, high)
	}
}

func (c *checks) text(field string, value *string, low, high int) {
	if value != nil {
		c.length(field, *value, low, high)
	}
}

func (c *checks) within(field string, value, low, high int) {
	if value < low || value > high {
		c.fail(field, "%d is not between %d and %d", value, low, high)
	}
}

// number checks a member that may be absent.
func (c *checks) number(field string, value *int, low, high int) {
	if value != nil {
		c.within(field, *value, low, high)
	}
}

func (c *checks) oneOf(field, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	c.fail(field, "%q is none of %s", value, strings.Join(allowed, ", "))
}

// name checks the name of a function or a trigger.
func (c *checks) name(field, value string) {
	if value == "" {
		c.fail(field, "a name is required")
		return
	}
	if len(value) > 128 {
		c.fail(field, "%d characters are not between 1 and 128", len(value))
		return
	}
	for i := range len(value) {
		letter := isLetter(value[i]) || value[i] == '_'
		inner := '0' <= value[i] && value[i] <= '9' || value[i] == '-'
		if !letter && (i == 0 || !inner) {
			c.fail(field, "%q must begin with a letter or _ and hold only letters, digits, _ and -", value)
			return
		}
	}
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

// ValidName checks the name of a function or a trigger; field is named in the error.
func ValidName(field, value string) error {
	var c checks
	c.name(field, value)
	return c.err
}

// ValidLimit checks the limit of a list, given as text; empty means the default.
func ValidLimit(text string) (int, error) {
	if text == "" {
		return DefaultListLimit, nil
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' || len(text) > 4 {
			return 0, InvalidArgument("limit", "%q is not a whole number between 1 and %d", text, MaxListLimit)
		}
		n = 10*n + int(text[i]-'0')
	}
	if n < 1 || n > MaxListLimit {
		return 0, InvalidArgument("limit", "%d is not between 1 and %d", n, MaxListLimit)
	}
	return n, nil
}
