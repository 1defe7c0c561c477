package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/platform/api"
)

// ValidateConfig checks what takes more than one attribute to see. It reads
// attributes one by one: a block may still be unknown as a whole.
func (r *functionResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	c := configReader{ctx, req.Config, &resp.Diagnostics}
	validateSource(c)
	runtime := c.text(path.Root("runtime"))
	if slices.Contains(runtimes, runtime.ValueString()) && !api.IsCustomRuntime(runtime.ValueString()) {
		validateBuiltin(c, runtime.ValueString())
	}
	validateShape(c)
}

// configReader reads single attributes of a configuration.
type configReader struct {
	ctx    context.Context
	config tfsdk.Config
	diags  *diag.Diagnostics
}

func (c configReader) text(p path.Path) (out types.String) {
	c.diags.Append(c.config.GetAttribute(c.ctx, p, &out)...)
	return out
}

func (c configReader) json(p path.Path) (out jsontypes.Normalized) {
	c.diags.Append(c.config.GetAttribute(c.ctx, p, &out)...)
	return out
}

func (c configReader) block(p path.Path) (out types.Object) {
	c.diags.Append(c.config.GetAttribute(c.ctx, p, &out)...)
	return out
}

// validateSource wants exactly one code source. While one is unknown it may
// turn out to be null, so only a second known one is an error.
func validateSource(c configReader) {
	candidates := []path.Path{path.Root("package_dir"), path.Root("package_file")}
	code := c.block(path.Root("code"))
	if !code.IsNull() && !code.IsUnknown() {
		candidates = append(candidates, path.Root("code").AtName("zip_file"), path.Root("code").AtName("oss_object_name"))
	}
	var given []string
	open := code.IsUnknown()
	for _, p := range candidates {
		switch value := c.text(p); {
		case value.IsUnknown():
			open = true
		case !value.IsNull():
			given = append(given, p.String())
			if len(given) > 1 {
				c.diags.AddAttributeError(p, "More than one code source",
					fmt.Sprintf("The code comes from one place; %s are given.", strings.Join(given, " and ")))
			}
		}
	}
	if len(given) == 0 && !open {
		c.diags.AddAttributeError(path.Root("package_dir"), "No code source",
			"Give one of package_dir, package_file, or a code block with zip_file or with oss_bucket_name and oss_object_name.")
	}
}

// validateBuiltin refuses what only a custom runtime can do.
func validateBuiltin(c configReader, runtime string) {
	var concurrency types.Int64
	p := path.Root("instance_concurrency")
	c.diags.Append(c.config.GetAttribute(c.ctx, p, &concurrency)...)
	if concurrency.ValueInt64() > 1 {
		c.diags.AddAttributeError(p, "Not possible with this runtime",
			fmt.Sprintf("An instance of runtime %s handles one invocation at a time; more than 1 needs a custom runtime.", runtime))
	}
	p = path.Root("custom_runtime_config")
	if block := c.block(p); !block.IsNull() && !block.IsUnknown() {
		c.diags.AddAttributeError(p, "Not possible with this runtime",
			fmt.Sprintf("Runtime %s has a start command of its own; custom_runtime_config is for custom runtimes.", runtime))
	}
}

// validateShape checks the vCPUs against the memory.
func validateShape(c configReader) {
	var cpu types.Float64
	var memory types.Int64
	c.diags.Append(c.config.GetAttribute(c.ctx, path.Root("cpu"), &cpu)...)
	c.diags.Append(c.config.GetAttribute(c.ctx, path.Root("memory_size"), &memory)...)
	if cpu.IsNull() || cpu.IsUnknown() || memory.IsNull() || memory.IsUnknown() || cpu.ValueFloat64() <= 0 {
		return
	}
	perCPU := float64(memory.ValueInt64()) / 1024 / cpu.ValueFloat64()
	if perCPU < 1-1e-6 || perCPU > 4+1e-6 {
		c.diags.AddAttributeError(path.Root("cpu"), "vCPUs and memory do not fit",
			fmt.Sprintf("There must be 1 to 4 GB of memory for each vCPU; %d MB and %g vCPU make %.2f.", memory.ValueInt64(), cpu.ValueFloat64(), perCPU))
	}
}
