// Command fc is the platform: each of its modules, all of them in one process, and the
// commands for those who use it.
package main

import (
	"os"

	"github.com/fcstack/fcstack/platform/app"
)

// version is set when a release is linked.
var version = "unknown"

func main() {
	os.Exit(app.Main(os.Args[1:], version, os.Stdout, os.Stderr))
}
