package nodeagent

import (
	"testing"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func TestNode(t *testing.T) {
	for name, noMounts := range map[string]bool{"mounts": false, "real paths": true} {
		t.Run(name, func(t *testing.T) {
			fctest.TestNode(t, func(t *testing.T) (fc.Node, fc.Package) {
				return openAgent(t, options{noMounts: noMounts}), builtCode(t)
			})
		})
	}
}
