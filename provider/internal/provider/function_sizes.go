package provider

import (
	"context"
	"fmt"
	"math"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/platform/api"
)

// multipleOf checks a step of whole numbers.
type multipleOf int64

func (v multipleOf) Description(context.Context) string {
	return fmt.Sprintf("must be a multiple of %d", v)
}
func (v multipleOf) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v multipleOf) ValidateInt64(ctx context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	if n := req.ConfigValue; !n.IsNull() && !n.IsUnknown() && n.ValueInt64()%int64(v) != 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a multiple",
			fmt.Sprintf("%s %s; it is %d.", req.Path, v.Description(ctx), n.ValueInt64()))
	}
}

// stepOf checks a step of fractions, which binary numbers only come near.
type stepOf float64

func (v stepOf) Description(context.Context) string {
	return fmt.Sprintf("must be a multiple of %g", float64(v))
}
func (v stepOf) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v stepOf) ValidateFloat64(ctx context.Context, req validator.Float64Request, resp *validator.Float64Response) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	steps := req.ConfigValue.ValueFloat64() / float64(v)
	if math.Abs(steps-math.Round(steps)) > 1e-6 {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a multiple",
			fmt.Sprintf("%s %s; it is %g.", req.Path, v.Description(ctx), req.ConfigValue.ValueFloat64()))
	}
}

var notReserved = regexp.MustCompile(`^([^F]|F$|F[^C]|FC$|FC[^_])`)

// envSize checks the size of an environment as a whole.
type envSize struct{}

const envMax = 4096

func (envSize) Description(context.Context) string               { return "must have at most 4 KB in all" }
func (v envSize) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (envSize) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	size := 0
	for name, value := range req.ConfigValue.Elements() {
		if text, ok := value.(types.String); ok {
			size += len(name) + len(text.ValueString())
		}
	}
	if size > envMax {
		resp.Diagnostics.AddAttributeError(req.Path, "The environment is too large",
			fmt.Sprintf("Names and values have %d bytes together; the limit is %d.", size, envMax))
	}
}

// fitMemory keeps the vCPUs that the server has, unless the memory changes and
// they are not given: then they follow it.
type fitMemory struct{}

func (fitMemory) Description(context.Context) string               { return "follows the memory unless it is given" }
func (m fitMemory) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (fitMemory) PlanModifyFloat64(ctx context.Context, req planmodifier.Float64Request, resp *planmodifier.Float64Response) {
	float64planmodifier.UseStateForUnknown().PlanModifyFloat64(ctx, req, resp)
	if !req.ConfigValue.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var was, want types.Int64
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("memory_size"), &was)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("memory_size"), &want)...)
	switch {
	case want.IsUnknown():
		resp.PlanValue = types.Float64Unknown()
	case !want.IsNull() && !want.Equal(was):
		resp.PlanValue = types.Float64Value(api.DefaultCPU(int(want.ValueInt64())))
	}
}

// fitCPU is the same the other way round, where the memory that is there does
// not fit the vCPUs that are asked for.
type fitCPU struct{}

func (fitCPU) Description(context.Context) string               { return "follows the vCPUs unless it is given" }
func (m fitCPU) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (fitCPU) PlanModifyInt64(ctx context.Context, req planmodifier.Int64Request, resp *planmodifier.Int64Response) {
	int64planmodifier.UseStateForUnknown().PlanModifyInt64(ctx, req, resp)
	if !req.ConfigValue.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var want types.Float64
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("cpu"), &want)...)
	switch {
	case want.IsUnknown():
		resp.PlanValue = types.Int64Unknown()
	case !want.IsNull() && api.ValidateResources("", want.ValueFloat64(), int(req.StateValue.ValueInt64()), 1) != nil:
		resp.PlanValue = types.Int64Value(int64(api.DefaultMemory(want.ValueFloat64())))
	}
}
