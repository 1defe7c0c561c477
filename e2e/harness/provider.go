package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// ProviderVersion is what InstallProvider installs a provider as. It is no release, but
// the CLI picks none that looks like a preview by itself.
const ProviderVersion = "0.1.0"

// InstallProvider makes a mirror below dir that holds the provider's binary, and a
// configuration of the CLI that knows no other source. It returns the environment that
// makes terraform and tofu use it, without any network.
func InstallProvider(dir, binary string) ([]string, error) {
	mirror := filepath.Join(dir, "mirror")
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} { // each CLI has its own default
		into := filepath.Join(mirror, host, "fcstack", "fc", ProviderVersion, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(into, 0o755); err != nil {
			return nil, err
		}
		if err := os.Symlink(binary, filepath.Join(into, "terraform-provider-fc_v"+ProviderVersion)); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(dir, "cli.tfrc")
	content := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return nil, err
	}
	return []string{
		"TF_CLI_CONFIG_FILE=" + config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"TF_PLUGIN_CACHE_DIR=", "TF_DATA_DIR=", "TF_LOG=", "TF_CLI_ARGS=", "TF_WORKSPACE=",
	}, nil
}
