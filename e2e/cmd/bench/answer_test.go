//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	const body = "0123456789abcdef"
	whole := "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 16\r\n\r\n" + body
	chunks := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\na\r\n6789abcdef\r\n0\r\n\r\n"
	tests := []struct {
		name, in string
		wrong    string // part of the error; "": none
	}{
		{"with a length", whole, ""},
		{"with a length in lower case", strings.Replace(whole, "Content-Length", "content-length", 1), ""},
		{"in chunks", chunks, ""},
		{"another status", strings.Replace(whole, "200 OK", "502 Bad", 1), "answered"},
		{"another length", strings.Replace(whole, ": 16", ": 15", 1), "content length"},
		{"another byte", strings.Replace(whole, "9a", "9b", 1), "differs"},
		{"a chunk too few", strings.Replace(chunks, "a\r\n6789abcdef\r\n", "", 1), "ended after 6"},
		{"a chunk too many", strings.Replace(chunks, "0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", 1), "more than were due"},
		{"no length at all", "HTTP/1.1 200 OK\r\n\r\n" + body, "neither"},
	}
	for _, tt := range tests {
		for _, step := range []int{1, 3, 7, len(tt.in)} {
			t.Run(fmt.Sprintf("%s, %d bytes at a time", tt.name, step), func(t *testing.T) {
				a := answer{want: []byte(body)}
				for range 2 {
					done, err := feed(&a, []byte(tt.in), step)
					switch {
					case tt.wrong == "" && (err != nil || !done):
						t.Fatalf("done %v, error %v", done, err)
					case tt.wrong != "" && err == nil:
						t.Fatalf("no error, done %v", done)
					case tt.wrong != "" && !strings.Contains(err.Error(), tt.wrong):
						t.Fatalf("error %q does not say %q", err, tt.wrong)
					}
					a.reset()
				}
			})
		}
	}
}

func feed(a *answer, in []byte, step int) (done bool, err error) {
	for len(in) > 0 && !done && err == nil {
		n := min(step, len(in))
		done, err = a.take(in[:n])
		in = in[n:]
	}
	return done, err
}

func TestMedian(t *testing.T) {
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("of three values: %v", got)
	}
	if got := median([]float64{4, 1, 2, 9}); got != 3 {
		t.Errorf("of four values: %v", got)
	}
}
