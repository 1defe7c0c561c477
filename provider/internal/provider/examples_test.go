package provider_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/e2e/harness"
)

// TestRealExamplesAreValid lets the CLI check every example of the
// documentation. Import blocks with an identity are left out: older CLIs do not
// know them.
func TestRealExamplesAreValid(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider: left out of -short")
	}
	cli, bin := findCLI(t), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "terraform-provider-fc"), "./provider")
	build.Dir = harness.Root()
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, said)
	}
	host := "registry.terraform.io"
	if isTofu(t, cli) {
		host = "registry.opentofu.org"
	}
	settings := filepath.Join(bin, "cli.tfrc")
	writeFile(t, settings, fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"%s/fcstack/fc\" = %q\n  }\n  direct {}\n}\n", host, bin))
	files, err := filepath.Glob(filepath.Join(harness.Root(), "examples", "*", "*", "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(harness.Root(), "examples", "provider", "provider.tf"))
	for _, file := range files {
		if kind := filepath.Base(filepath.Dir(filepath.Dir(file))); kind == "stacks" || strings.HasPrefix(filepath.Base(file), "import-") {
			continue
		}
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "main.tf"), string(text))
			if !strings.Contains(string(text), "required_providers") {
				writeFile(t, filepath.Join(dir, "versions.tf"), config(""))
			}
			cmd := exec.CommandContext(t.Context(), cli, "validate", "-no-color")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings, "CHECKPOINT_DISABLE=1")
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", file, err, said)
			}
		})
	}
}
