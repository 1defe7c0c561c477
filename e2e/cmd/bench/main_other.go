//go:build !linux

// Command bench measures the platform; it needs Linux's /proc and epoll.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux: it reads CPU times from /proc and drives its load with epoll")
	os.Exit(1)
}
