package provider

import (
	"context"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

// The server answers an unset setting now as null, now as an empty value. The
// functions below give the state the form that the configuration has, so that
// a plan after an apply is empty.

// textFrom is the server's text; nothing stays "" where it was written as "".
func textFrom(server *string, prior types.String) types.String {
	if server != nil && *server != "" {
		return types.StringValue(*server)
	}
	if prior.ValueString() == "" && !prior.IsNull() && !prior.IsUnknown() {
		return prior
	}
	return types.StringNull()
}

// filled is text that the server alone decides; it is never null.
func filled(server string) types.String { return types.StringValue(server) }

// numberFrom keeps 0.35 from becoming 0.3499999 on its way through a float32.
func numberFrom(server *float64, prior types.Float64) types.Float64 {
	if server == nil {
		return types.Float64Null()
	}
	if !prior.IsNull() && !prior.IsUnknown() && math.Abs(prior.ValueFloat64()-*server) < 1e-5 {
		return prior
	}
	return types.Float64Value(math.Round(*server*1e5) / 1e5)
}

// intFrom and boolFrom keep a zero that was written where the server leaves it out.
func intFrom(server *int64, prior types.Int64) types.Int64 {
	if server == nil && !prior.IsNull() && !prior.IsUnknown() && prior.ValueInt64() == 0 {
		return prior
	}
	return types.Int64PointerValue(server)
}

func boolFrom(server *bool, prior types.Bool) types.Bool {
	if server == nil && !prior.IsNull() && !prior.IsUnknown() && !prior.ValueBool() {
		return prior
	}
	return types.BoolPointerValue(server)
}

// orZero is for what is zero where the server leaves it out.
func orZero[T any](server *T) (zero T) {
	if server == nil {
		return zero
	}
	return *server
}

// defaultedFrom is a setting that has its default where the server leaves it out.
func defaultedFrom(server *string, standard string) types.String {
	if server == nil || *server == "" {
		return types.StringValue(standard)
	}
	return types.StringValue(*server)
}

func listFrom(server []string, prior types.List) types.List {
	if len(server) == 0 && (prior.IsNull() || prior.IsUnknown()) {
		return types.ListNull(types.StringType)
	}
	list, _ := types.ListValueFrom(context.Background(), types.StringType, append([]string{}, server...))
	return list
}

func setFrom(server []string, prior types.Set) types.Set {
	if len(server) == 0 && (prior.IsNull() || prior.IsUnknown()) {
		return types.SetNull(types.StringType)
	}
	set, _ := types.SetValueFrom(context.Background(), types.StringType, append([]string{}, server...))
	return set
}

func mapFrom(server map[string]string, prior types.Map) types.Map {
	if len(server) == 0 {
		server = map[string]string{}
		if prior.IsNull() || prior.IsUnknown() {
			return types.MapNull(types.StringType)
		}
	}
	m, _ := types.MapValueFrom(context.Background(), types.StringType, server)
	return m
}

func tagMap(tags []fcapi.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, tag := range tags {
		m[tag.Key] = tag.Value
	}
	return m
}

// The request leaves out what is unknown or was never set. What was set and is
// no more is sent empty: for the server, null means "as it is".

func textTo(plan, prior types.String) *string {
	if plan.IsNull() && !prior.IsNull() {
		return new("")
	}
	return known(plan)
}

func known(plan types.String) *string {
	if plan.IsUnknown() {
		return nil
	}
	return plan.ValueStringPointer()
}

func knownInt(plan types.Int64) *int64 {
	if plan.IsUnknown() {
		return nil
	}
	return plan.ValueInt64Pointer()
}

func knownNumber(plan types.Float64) *float64 {
	if plan.IsUnknown() {
		return nil
	}
	return plan.ValueFloat64Pointer()
}

func knownBool(plan types.Bool) *bool {
	if plan.IsUnknown() {
		return nil
	}
	return plan.ValueBoolPointer()
}

func listTo(ctx context.Context, plan, prior types.List, diags *diag.Diagnostics) []string {
	if plan.IsNull() && !prior.IsNull() {
		return []string{}
	}
	return texts(ctx, plan, diags)
}

// texts is the content of a list or a set; null gives nil.
func texts(ctx context.Context, plan interface {
	IsNull() bool
	IsUnknown() bool
	ElementsAs(context.Context, any, bool) diag.Diagnostics
}, diags *diag.Diagnostics) []string {
	if plan.IsNull() || plan.IsUnknown() {
		return nil
	}
	out := []string{}
	diags.Append(plan.ElementsAs(ctx, &out, false)...)
	return out
}

func mapTo(ctx context.Context, plan, prior types.Map, diags *diag.Diagnostics) map[string]string {
	if plan.IsUnknown() || plan.IsNull() && prior.IsNull() {
		return nil
	}
	out := map[string]string{}
	if !plan.IsNull() {
		diags.Append(plan.ElementsAs(ctx, &out, false)...)
	}
	return out
}

// capitalize makes a sentence of an error, which begins with a small letter.
func capitalize(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + strings.TrimSuffix(text[size:], ".")
}
