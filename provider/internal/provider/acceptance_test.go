package provider_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/fcstack/fcstack/e2e/harness"
	"github.com/fcstack/fcstack/provider/internal/fcapi"
	"github.com/fcstack/fcstack/provider/internal/provider"
)

func TestMain(m *testing.M) { harness.Main(m) }

// The tests whose name begins with TestReal run the real CLI against the real
// platform: the one of FC_E2E_URL and the environment, or one of their own.

// factories hand the provider of this process to the CLI.
var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"fc": providerserver.NewProtocol6WithError(provider.New("test")()),
}

// realPlatform puts CLI, endpoint and access key into the environment and
// returns a client beside the provider, for what happens behind its back.
func realPlatform(t *testing.T) *fcapi.Client {
	t.Helper()
	cli := findCLI(t)
	for name, value := range harness.Shared(t).Exports {
		t.Setenv(name, value)
	}
	t.Setenv("TF_CLI_CONFIG_FILE", noSettings(t))
	t.Setenv("TF_ACC", "1")
	t.Setenv("TF_ACC_TERRAFORM_PATH", cli)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "fcstack")
	if isTofu(t, cli) {
		t.Setenv("TF_ACC_PROVIDER_HOST", "registry.opentofu.org")
	}
	endpoint, err := url.Parse(os.Getenv("FC_ENDPOINT"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := fcapi.New(fcapi.Config{
		Endpoint:        endpoint,
		AccessKeyID:     os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"),
		AccessKeySecret: os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// noSettings keeps the settings of whoever runs the tests out of them.
func noSettings(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cli.tfrc")
	writeFile(t, file, "disable_checkpoint = true\n")
	return file
}

func findCLI(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform", "tofu"} {
		if file, err := exec.LookPath(name); name != "" && err == nil {
			return file
		}
	}
	t.Skip("SKIPPED: there is neither terraform nor tofu on PATH, so nothing was tested with a real CLI")
	return ""
}

func isTofu(t *testing.T, cli string) bool {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), cli, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(said), "OpenTofu")
}

// config is what stands in front of every configuration.
func config(format string, args ...any) string {
	return `
terraform {
  required_providers {
    fc = {
      source = "fcstack/fc"
    }
  }
}
` + fmt.Sprintf(format, args...)
}

// codePath is a package for the runtime custom, made new for each test.
func codePath(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "bootstrap")
	writeFile(t, file, "#!/bin/sh\n# "+content+"\nexec sleep 3600\n")
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// nothingLeft wants every function of the state to be gone from the platform.
func nothingLeft(client *fcapi.Client, t *testing.T) resource.TestCheckFunc {
	return func(state *terraform.State) error {
		var errs []error
		for _, r := range state.RootModule().Resources {
			if r.Type != "fc_function" || strings.HasPrefix(r.Primary.ID, "data.") {
				continue
			}
			switch _, err := client.Function(t.Context(), r.Primary.ID, ""); {
			case err == nil:
				errs = append(errs, fmt.Errorf("function %s is still there", r.Primary.ID))
			case !errors.Is(err, fcapi.ErrNotFound):
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
}
