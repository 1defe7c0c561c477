#!/usr/bin/env bash
# Finds the command that speaks Terraform: terraform or tofu from PATH, or else
# an OpenTofu built from its Go module into build/tools.
#
#   tools/cli.sh find     prints its path, or fails
#   tools/cli.sh ensure   builds it first where there is none
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
built=$root/build/tools/tofu

find_cli() {
	command -v terraform || command -v tofu || { [[ -x $built ]] && echo "$built"; }
}

case ${1:-} in
find) find_cli ;;
ensure)
	if ! find_cli >/dev/null; then
		echo "neither terraform nor tofu is on PATH: building OpenTofu, which takes a few minutes once" >&2
		mkdir -p "$root/build/tools"
		(cd "$root/tools/tofu" && CGO_ENABLED=0 go build -o "$built" github.com/opentofu/opentofu/cmd/tofu)
	fi
	;;
*)
	echo "usage: $0 find|ensure" >&2
	exit 2
	;;
esac
