// Package api tests the management operations with the official SDK against the real
// platform, and with raw requests what the SDK would never send.
package api

import (
	"testing"

	"github.com/fcstack/fcstack/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
