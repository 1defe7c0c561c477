package codepack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// rules are the lines of an ignore file; the last one that matches decides.
type rules []rule

type rule struct {
	match   *regexp.Regexp
	keep    bool // the line began with "!"
	dirOnly bool // the line ended in "/"
}

// readIgnore reads an ignore file; none means that nothing is ignored.
func readIgnore(file string) (rules, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseIgnore(string(text))
}

func parseIgnore(text string) (rules, error) {
	var out rules
	number := 0
	for line := range strings.Lines(text) {
		number++
		r, err := parseRule(strings.TrimRight(line, "\r\n"))
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", IgnoreFile, number, err)
		}
		if r != nil {
			out = append(out, *r)
		}
	}
	return out, nil
}

// ignored says whether an entry stays out. What is below an ignored directory
// is never asked about: as in git, it cannot be brought back.
func (rs rules) ignored(path string, dir bool) bool {
	out := false
	for _, r := range rs {
		if (dir || !r.dirOnly) && r.match.MatchString(path) {
			out = !r.keep
		}
	}
	return out
}

// parseRule reads one line; a comment or an empty line gives nil.
func parseRule(line string) (*rule, error) {
	pattern := trimBlanks(line)
	if pattern == "" || pattern[0] == '#' {
		return nil, nil
	}
	r := &rule{}
	pattern, r.keep = strings.CutPrefix(pattern, "!")
	pattern, r.dirOnly = strings.CutSuffix(pattern, "/")
	anchored := strings.Contains(pattern, "/")
	pattern = strings.TrimPrefix(pattern, "/")
	if pattern == "" {
		return nil, nil
	}
	prefix := "^"
	if !anchored {
		prefix = "^(?:.*/)?"
	}
	var err error
	if r.match, err = regexp.Compile(prefix + translate(pattern) + "$"); err != nil {
		return nil, fmt.Errorf("%q is no pattern: %w", line, err)
	}
	return r, nil
}

// trimBlanks drops trailing blanks, save one that a backslash protects.
func trimBlanks(line string) string {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	return line
}

// translate turns the glob of one line into a regular expression.
func translate(glob string) string {
	var out strings.Builder
	for rest := glob; rest != ""; {
		var expr string
		expr, rest = token(rest, len(rest) == len(glob))
		out.WriteString(expr)
	}
	return out.String()
}

// token translates what stands first in a glob and returns what follows it.
func token(glob string, first bool) (expr, rest string) {
	switch {
	case first && strings.HasPrefix(glob, "**/"):
		return "(?:.*/)?", glob[3:]
	case strings.HasPrefix(glob, "/**/"):
		return "/(?:.*/)?", glob[4:]
	case glob == "/**":
		return "/.*", ""
	case glob[0] == '*':
		return "[^/]*", strings.TrimLeft(glob, "*")
	case glob[0] == '?':
		return "[^/]", glob[1:]
	case glob[0] == '[':
		return class(glob)
	case glob[0] == '\\' && len(glob) > 1:
		return regexp.QuoteMeta(glob[1:2]), glob[2:]
	default:
		return regexp.QuoteMeta(glob[:1]), glob[1:]
	}
}

// class translates a bracket expression; one that is not closed is literal.
func class(glob string) (expr, rest string) {
	body := strings.TrimLeft(glob[1:], "!^")
	negated := len(body) < len(glob)-1
	end := strings.IndexByte(body[min(1, len(body)):], ']')
	if end < 0 {
		return `\[`, glob[1:]
	}
	inner, rest := body[:end+1], body[end+2:]
	inner = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`).Replace(inner)
	if negated {
		return "[^/" + inner + "]", rest
	}
	return "[" + inner + "]", rest
}
