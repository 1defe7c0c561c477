#!/usr/bin/env bash
# The provider's acceptance tests and the tests of the Terraform modules, with the CLI
# that is given, against the platform of the environment. `make acceptance` starts one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cli=${1:?usage: $0 CLI}

# The plugin test framework looks for terraform in its own ways unless it is told.
export TF_ACC=1 TF_ACC_TERRAFORM_PATH=$cli TF_ACC_PROVIDER_NAMESPACE=fcstack
if "$cli" version | grep -qi opentofu; then
	export TF_ACC_PROVIDER_HOST=registry.opentofu.org
fi
"${GO:-go}" test -count=1 -timeout 20m ./provider/...

# The modules are tested in a copy, so that the checkout stays as it is.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R modules examples "$copy/"
for tests in "$copy"/modules/*/tests; do
	module=$(dirname "$tests")
	echo "=== $(basename "$cli") test modules/$(basename "$module")"
	"$cli" -chdir="$module" init -input=false -no-color >/dev/null
	"$cli" -chdir="$module" test -no-color
done
for stack in "$copy"/examples/stacks/*/; do
	echo "=== $(basename "$cli") validate examples/stacks/$(basename "$stack")"
	"$cli" -chdir="$stack" init -backend=false -input=false -no-color >/dev/null
	"$cli" -chdir="$stack" validate -no-color
done
"$cli" fmt -check -recursive modules examples
