// Command docs writes the provider's documentation with tfplugindocs, from the
// schema and from the examples. The schema is taken from the provider itself,
// so the result does not depend on the Terraform that is installed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	dir := flag.String("provider", ".", "directory of the provider")
	out := flag.String("out", "docs", "directory to write to, below that of the provider")
	flag.Parse()
	if err := run(context.Background(), *dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, out string) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "fc-docs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	schema, err := providerSchema(ctx)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(temp, "schema.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	return generate(ctx, dir, out, file)
}

// generate runs tfplugindocs, which has a module of its own: nothing but the
// documentation needs what it brings along.
func generate(ctx context.Context, dir, out, schema string) error {
	cmd := exec.CommandContext(ctx, "go", "tool", "tfplugindocs", "generate",
		"--provider-dir", dir, "--provider-name", "fc", "--rendered-provider-name", "FCStack",
		"--examples-dir", "../examples", "--rendered-website-dir", out, "--providers-schema", schema)
	cmd.Dir = filepath.Join(dir, "tools")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tfplugindocs: %w\n%s", err, said)
	}
	return nil
}
