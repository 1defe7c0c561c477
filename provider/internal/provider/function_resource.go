package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

// settleTimeout bounds the wait for a function the server still prepares.
const settleTimeout = 5 * time.Minute

var (
	_ resource.ResourceWithConfigure      = (*functionResource)(nil)
	_ resource.ResourceWithIdentity       = (*functionResource)(nil)
	_ resource.ResourceWithImportState    = (*functionResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*functionResource)(nil)
	_ resource.ResourceWithValidateConfig = (*functionResource)(nil)
)

func newFunctionResource() resource.Resource { return &functionResource{} }

type functionResource struct{ connected }

type functionIdentity struct {
	FunctionName types.String `tfsdk:"function_name"`
}

func (r *functionResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_function"
}

func (r *functionResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"function_name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the function."},
	}}
}

func (r *functionResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m functionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	in := m.to(ctx, &functionModel{}, &resp.Diagnostics)
	in.Tags = tagList(m.tags(ctx, &resp.Diagnostics))
	if source, ok := m.source(); ok {
		in.Code = source.request(m.CodeChecksum, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	f, err := client.CreateFunction(ctx, in)
	if err != nil {
		functionFailed(err, "create", m.codeAttribute(), &resp.Diagnostics)
		return
	}
	// From here on the function exists: whatever goes wrong, the state says so.
	m.from(f)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, functionIdentity{m.FunctionName})...)
	if f, err = settled(ctx, client, f); err != nil {
		functionFailed(err, "create", m.codeAttribute(), &resp.Diagnostics)
		return
	}
	confirm(in.Code, f, &resp.Diagnostics)
	m.from(f)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	resp.Diagnostics.Append(rememberChecksum(ctx, resp.Private, f.CodeChecksum)...)
}

func (r *functionResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m functionModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	// The framework wants the identity even of a function that is gone.
	resp.Diagnostics.Append(resp.Identity.Set(ctx, functionIdentity{m.FunctionName})...)
	f, err := client.Function(ctx, m.FunctionName.ValueString(), "")
	if errors.Is(err, fcapi.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		functionFailed(err, "read", path.Empty(), &resp.Diagnostics)
		return
	}
	m.from(f)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (r *functionResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior functionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if m.sameFunction(&prior) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, functionIdentity{m.FunctionName})...)
		return
	}
	in := m.to(ctx, &prior, &resp.Diagnostics)
	if source, ok := m.source(); ok && !m.CodeChecksum.Equal(prior.CodeChecksum) {
		in.Code = source.request(m.CodeChecksum, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	f, err := client.UpdateFunction(ctx, m.FunctionName.ValueString(), in)
	if err == nil {
		f, err = settled(ctx, client, f)
	}
	if err != nil {
		functionFailed(err, "update", m.codeAttribute(), &resp.Diagnostics)
		return
	}
	if confirm(in.Code, f, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return // the state keeps the old checksum, so the next plan sends the code again
	}
	if f = r.retag(ctx, client, f, &m, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	m.from(f)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, functionIdentity{m.FunctionName})...)
	if in.Code != nil {
		resp.Diagnostics.Append(rememberChecksum(ctx, resp.Private, f.CodeChecksum)...)
	}
}

func (r *functionResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m functionModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := client.DeleteFunction(ctx, m.FunctionName.ValueString()); err != nil {
		functionFailed(err, "delete", path.Empty(), &resp.Diagnostics)
	}
}

func (r *functionResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("function_name"), path.Root("function_name"), req, resp)
}

// retag brings the tags in line and returns the function as it is then.
func (r *functionResource) retag(ctx context.Context, client *fcapi.Client, f *fcapi.Function, m *functionModel, diags *diag.Diagnostics) *fcapi.Function {
	was, want := tagMap(f.Tags), m.tags(ctx, diags)
	if diags.HasError() || len(was)+len(want) == 0 {
		return f
	}
	changed, err := client.SetTags(ctx, f.FunctionARN, was, want)
	if err == nil && changed {
		f, err = client.Function(ctx, f.Name(), "")
	}
	if err != nil {
		diags.AddAttributeError(path.Root("tags"), "The tags could not be changed", capitalize(err.Error())+".")
	}
	return f
}

func settled(ctx context.Context, client *fcapi.Client, f *fcapi.Function) (*fcapi.Function, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return client.Settled(ctx, f)
}

// functionFailed reports an error, on the attribute that the server names if
// it names one.
func functionFailed(err error, verb string, code path.Path, diags *diag.Diagnostics) {
	summary, detail := fmt.Sprintf("Could not %s the function", verb), capitalize(err.Error())+"."
	if errors.Is(err, fcapi.ErrExists) {
		diags.AddAttributeError(path.Root("function_name"), summary,
			detail+" To manage the function that is there, import it: terraform import <address> <function name>.")
		return
	}
	report(err, append(slices.Clone(functionFields), field{"code", code}), summary, detail, diags)
}

// functionFields are the API's members that an error may name.
var functionFields = []field{
	{"functionName", path.Root("function_name")},
	{"memorySize", path.Root("memory_size")},
	{"diskSize", path.Root("disk_size")},
	{"instanceConcurrency", path.Root("instance_concurrency")},
	{"idleTimeout", path.Root("idle_timeout")},
	{"environmentVariables", path.Root("environment_variables")},
	{"customRuntimeConfig", path.Root("custom_runtime_config")},
	{"instanceLifecycleConfig", path.Root("instance_lifecycle_config")},
	{"sessionAffinityConfig", path.Root("session_affinity_config")},
	{"sessionAffinity", path.Root("session_affinity")},
	{"instanceIsolationMode", path.Root("instance_isolation_mode")},
	{"disableInjectCredentials", path.Root("disable_inject_credentials")},
	{"internetAccess", path.Root("internet_access")},
	{"logConfig", path.Root("log_config")},
	{"nasConfig", path.Root("nas_config")},
	{"vpcConfig", path.Root("vpc_config")},
	{"description", path.Root("description")},
	{"runtime", path.Root("runtime")},
	{"handler", path.Root("handler")},
	{"timeout", path.Root("timeout")},
	{"layers", path.Root("layers")},
	{"role", path.Root("role")},
	{"tags", path.Root("tags")},
	{"cpu", path.Root("cpu")},
}
