package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/attr"
	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

var (
	_ resource.ResourceWithConfigure      = (*triggerResource)(nil)
	_ resource.ResourceWithIdentity       = (*triggerResource)(nil)
	_ resource.ResourceWithImportState    = (*triggerResource)(nil)
	_ resource.ResourceWithValidateConfig = (*triggerResource)(nil)
)

func newTriggerResource() resource.Resource { return &triggerResource{} }

type triggerResource struct{ connected }

type triggerIdentity struct {
	FunctionName types.String `tfsdk:"function_name"`
	TriggerName  types.String `tfsdk:"trigger_name"`
}

func (r *triggerResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_trigger"
}

func (r *triggerResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"function_name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the function."},
		"trigger_name":  identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the trigger."},
	}}
}

func (r *triggerResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A trigger: what invokes a function. An HTTP trigger is written as an `http` block; every other kind as its type and the JSON that the API takes.",
		Attributes: map[string]schema.Attribute{
			"id": computedOnce("`<function_name>:<trigger_name>`."),
			"function_name": schema.StringAttribute{
				Required: true, Validators: []validator.String{attr.Name()}, PlanModifiers: replace,
				MarkdownDescription: "Function that is invoked. Changing it creates a new trigger.",
			},
			"trigger_name": schema.StringAttribute{
				Required: true, Validators: []validator.String{attr.Name()}, PlanModifiers: replace,
				MarkdownDescription: "Name of the trigger, unique in the function. Changing it creates a new trigger.",
			},
			"trigger_type": schema.StringAttribute{
				Optional: true, Computed: true,
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.UseStateForUnknown(), typeFromBlock{}, stringplanmodifier.RequiresReplace(),
				},
				MarkdownDescription: "Kind of the trigger, such as `timer`. `http` where there is an `http` block; needed where there is `trigger_config`. Changing it creates a new trigger.",
			},
			"trigger_config": schema.StringAttribute{
				Optional: true, CustomType: jsontypes.NormalizedType{},
				MarkdownDescription: "Settings of the trigger as JSON, for what the `http` block does not cover. Members that only the server gives are not compared.",
			},
			"qualifier": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString("LATEST"),
				Validators: []validator.String{stringvalidator.LengthBetween(1, 128)}, PlanModifiers: replace,
				MarkdownDescription: "Version or alias that is invoked; `LATEST` unless given. Changing it creates a new trigger.",
			},
			"source_arn": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 300)}, PlanModifiers: replace,
				MarkdownDescription: "ARN of what the events come from. Changing it creates a new trigger.",
			},
			"invocation_role": schema.StringAttribute{
				Optional: true, Validators: []validator.String{attr.Role()},
				MarkdownDescription: "ARN of the role that the source of the events uses.",
			},
			"description": schema.StringAttribute{
				Optional: true, Validators: []validator.String{attr.Description()},
				MarkdownDescription: "Free text, at most 256 characters.",
			},
			"trigger_id":         computedOnce("ID of the trigger."),
			"target_arn":         computedOnce("ARN of the function."),
			"url_internet":       computedOnce("URL to call the function at, for a trigger of type `http`."),
			"url_intranet":       computedOnce("URL to call the function at from inside, for a trigger of type `http`."),
			"status":             computed("Whether the trigger works, such as `OK`."),
			"create_time":        computedOnce("When the trigger was created."),
			"last_modified_time": computed("When the trigger was last changed."),
		},
		Blocks: map[string]schema.Block{"http": httpBlock()},
	}
}

func (r *triggerResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m triggerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	in := m.to(ctx, &triggerModel{}, &resp.Diagnostics)
	in.TriggerType, in.SourceARN, in.Qualifier = known(m.TriggerType), known(m.SourceARN), known(m.Qualifier)
	if resp.Diagnostics.HasError() {
		return
	}
	t, err := client.CreateTrigger(ctx, m.FunctionName.ValueString(), in)
	if err != nil {
		triggerFailed(err, "create", m.configAttribute(), &resp.Diagnostics)
		return
	}
	m.from(t, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, triggerIdentity{m.FunctionName, m.TriggerName})...)
}

func (r *triggerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m triggerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	// The framework wants the identity even of a trigger that is gone.
	resp.Diagnostics.Append(resp.Identity.Set(ctx, triggerIdentity{m.FunctionName, m.TriggerName})...)
	t, err := client.Trigger(ctx, m.FunctionName.ValueString(), m.TriggerName.ValueString())
	if errors.Is(err, fcapi.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		triggerFailed(err, "read", path.Empty(), &resp.Diagnostics)
		return
	}
	m.from(t, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (r *triggerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior triggerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	in := m.to(ctx, &prior, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	t, err := client.UpdateTrigger(ctx, m.FunctionName.ValueString(), m.TriggerName.ValueString(), in)
	if err != nil {
		triggerFailed(err, "update", m.configAttribute(), &resp.Diagnostics)
		return
	}
	m.from(t, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, triggerIdentity{m.FunctionName, m.TriggerName})...)
}

func (r *triggerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m triggerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := client.DeleteTrigger(ctx, m.FunctionName.ValueString(), m.TriggerName.ValueString()); err != nil {
		triggerFailed(err, "delete", path.Empty(), &resp.Diagnostics)
	}
}

func (r *triggerResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if req.ID == "" {
		resource.ImportStatePassthroughWithIdentity(ctx, path.Root("function_name"), path.Root("function_name"), req, resp)
		resource.ImportStatePassthroughWithIdentity(ctx, path.Root("trigger_name"), path.Root("trigger_name"), req, resp)
		return
	}
	function, trigger, ok := strings.Cut(req.ID, ":")
	if !ok || function == "" || trigger == "" {
		resp.Diagnostics.AddError("Not the ID of a trigger",
			fmt.Sprintf("%q is not of the form <function name>:<trigger name>.", req.ID))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("function_name"), function)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("trigger_name"), trigger)...)
}

// triggerFailed reports an error, on the attribute it is about if that shows.
func triggerFailed(err error, verb string, config path.Path, diags *diag.Diagnostics) {
	summary, detail := fmt.Sprintf("Could not %s the trigger", verb), capitalize(err.Error())+"."
	if errors.Is(err, fcapi.ErrExists) {
		diags.AddAttributeError(path.Root("trigger_name"), summary,
			detail+" To manage the trigger that is there, import it: terraform import <address> <function name>:<trigger name>.")
		return
	}
	fields := []field{
		{"triggerName", path.Root("trigger_name")},
		{"triggerType", path.Root("trigger_type")},
		{"sourceArn", path.Root("source_arn")},
		{"invocationRole", path.Root("invocation_role")},
		{"qualifier", path.Root("qualifier")},
		{"description", path.Root("description")},
		{"(triggerConfig|authType|methods|corsConfig)", config},
	}
	report(err, fields, summary, detail, diags)
}
