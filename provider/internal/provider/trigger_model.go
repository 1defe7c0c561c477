package provider

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

const typeHTTP = "http"

type triggerModel struct {
	ID               types.String         `tfsdk:"id"`
	FunctionName     types.String         `tfsdk:"function_name"`
	TriggerName      types.String         `tfsdk:"trigger_name"`
	TriggerType      types.String         `tfsdk:"trigger_type"`
	TriggerConfig    jsontypes.Normalized `tfsdk:"trigger_config"`
	Qualifier        types.String         `tfsdk:"qualifier"`
	SourceARN        types.String         `tfsdk:"source_arn"`
	InvocationRole   types.String         `tfsdk:"invocation_role"`
	Description      types.String         `tfsdk:"description"`
	TriggerID        types.String         `tfsdk:"trigger_id"`
	TargetARN        types.String         `tfsdk:"target_arn"`
	URLInternet      types.String         `tfsdk:"url_internet"`
	URLIntranet      types.String         `tfsdk:"url_intranet"`
	Status           types.String         `tfsdk:"status"`
	CreateTime       types.String         `tfsdk:"create_time"`
	LastModifiedTime types.String         `tfsdk:"last_modified_time"`

	HTTP *httpModel `tfsdk:"http"`
}

// from takes over what the server says. The settings go where m has them; an
// imported HTTP trigger gets a block, any other kind JSON.
func (m *triggerModel) from(t *fcapi.Trigger, diags *diag.Diagnostics) {
	m.ID = types.StringValue(m.FunctionName.ValueString() + ":" + m.TriggerName.ValueString())
	m.TriggerType = types.StringPointerValue(t.TriggerType)
	m.Qualifier = types.StringPointerValue(t.Qualifier)
	m.SourceARN = textFrom(t.SourceARN, m.SourceARN)
	m.InvocationRole = textFrom(t.InvocationRole, m.InvocationRole)
	m.Description = textFrom(t.Description, m.Description)
	m.TriggerID = filled(t.TriggerID)
	m.TargetARN = filled(t.TargetARN)
	m.Status = filled(t.Status)
	m.CreateTime = filled(t.CreatedTime)
	m.LastModifiedTime = filled(t.LastModifiedTime)
	m.URLInternet, m.URLIntranet = types.StringNull(), types.StringNull()
	if t.HTTP != nil {
		m.URLInternet, m.URLIntranet = filled(t.HTTP.Internet), filled(t.HTTP.Intranet)
	}
	if m.HTTP == nil && (!m.TriggerConfig.IsNull() || m.TriggerType.ValueString() != typeHTTP) {
		m.TriggerConfig = configFrom(t.TriggerConfig, m.TriggerConfig)
		return
	}
	m.HTTP = httpFrom(t.TriggerConfig, m.HTTP, diags)
}

// to is the part of a request that an update may change as well.
func (m *triggerModel) to(ctx context.Context, prior *triggerModel, diags *diag.Diagnostics) *fcapi.TriggerInput {
	in := &fcapi.TriggerInput{
		TriggerName:    known(m.TriggerName),
		InvocationRole: textTo(m.InvocationRole, prior.InvocationRole),
		Description:    textTo(m.Description, prior.Description),
		TriggerConfig:  known(m.TriggerConfig.StringValue),
	}
	if m.HTTP != nil {
		in.TriggerConfig = m.HTTP.to(ctx, diags)
	}
	return in
}

func (m *triggerModel) configAttribute() path.Path {
	if m.HTTP != nil {
		return path.Root("http")
	}
	return path.Root("trigger_config")
}

// configFrom keeps the JSON of the configuration as long as everything in it
// is so on the server, whatever defaults the server has put beside it.
func configFrom(server *string, prior jsontypes.Normalized) jsontypes.Normalized {
	if server == nil {
		return jsontypes.NewNormalizedNull()
	}
	var want, is any
	if json.Unmarshal([]byte(prior.ValueString()), &want) == nil &&
		json.Unmarshal([]byte(*server), &is) == nil && within(want, is) {
		return prior
	}
	return jsontypes.NewNormalizedValue(*server)
}

// within says whether a JSON value says nothing that another contradicts.
func within(want, is any) bool {
	object, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(want, is)
	}
	other, ok := is.(map[string]any)
	if !ok {
		return len(object) == 0 && is == nil
	}
	for name, value := range object {
		if !within(value, other[name]) {
			return false
		}
	}
	return true
}

// ValidateConfig wants either the block or the JSON with its type.
func (r *triggerResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	c := configReader{ctx, req.Config, &resp.Diagnostics}
	block, config, kind := c.block(path.Root("http")), c.json(path.Root("trigger_config")), c.text(path.Root("trigger_type"))
	if c.diags.HasError() || block.IsUnknown() || config.IsUnknown() {
		return
	}
	if methods, ok := block.Attributes()["methods"]; ok && methods.IsNull() {
		c.diags.AddAttributeError(path.Root("http").AtName("methods"), "No methods",
			"Say which methods the trigger lets through, such as [\"GET\", \"POST\"].")
	}
	switch {
	case !block.IsNull() && !config.IsNull():
		c.diags.AddAttributeError(path.Root("trigger_config"), "The trigger is configured twice",
			"Give either the http block or trigger_config, not both.")
	case block.IsNull() && config.IsNull():
		c.diags.AddAttributeError(path.Root("trigger_config"), "The trigger is not configured",
			"Give an http block, or trigger_type and trigger_config.")
	case block.IsNull() && kind.IsNull():
		c.diags.AddAttributeError(path.Root("trigger_type"), "The type is missing",
			"With trigger_config, say of which type the trigger is.")
	case !block.IsNull() && !kind.IsNull() && !kind.IsUnknown() && kind.ValueString() != typeHTTP:
		c.diags.AddAttributeError(path.Root("trigger_type"), "The type does not fit the block",
			"A trigger with an http block is of type http.")
	}
}

// typeFromBlock fills in the type of a trigger that has an http block.
type typeFromBlock struct{}

func (typeFromBlock) Description(context.Context) string               { return "http where there is an http block" }
func (m typeFromBlock) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (typeFromBlock) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	block := configReader{ctx, req.Config, &resp.Diagnostics}.block(path.Root("http"))
	if !block.IsNull() && !block.IsUnknown() {
		resp.PlanValue = types.StringValue(typeHTTP)
	}
}
