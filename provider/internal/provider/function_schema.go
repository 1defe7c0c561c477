package provider

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/attr"
)

// runtimes are those whose code is a package. The server decides which of them
// it can run.
var runtimes = []string{
	"nodejs8", "nodejs10", "nodejs12", "nodejs14", "nodejs16", "nodejs18", "nodejs20",
	"python2.7", "python3", "python3.9", "python3.10", "python3.12",
	"java8", "java11", "php7.2", "dotnetcore2.1", "dotnetcore3.1", "go1",
	"custom", "custom.debian10", "custom.debian11", "custom.debian12",
}

// isCustom says whether a runtime is an HTTP server of the user's own.
func isCustom(runtime string) bool { return strings.HasPrefix(runtime, "custom") }

var envName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func (r *functionResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A function: code, the runtime that executes it, and what it may use.\n\n" +
			"The code comes from exactly one of `package_dir`, `package_file` and `code`. Its checksum is computed while planning and compared with the server's: " +
			"code that was changed on either side shows as a change of `code_checksum`.",
		Attributes: functionAttributes(),
		Blocks: map[string]schema.Block{
			"code":                      codeBlock(),
			"custom_runtime_config":     customRuntimeBlock(),
			"instance_lifecycle_config": lifecycleBlock(),
			"log_config":                logBlock(),
			"nas_config":                nasBlock(),
			"vpc_config":                vpcBlock(),
		},
	}
}

func functionAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id": computedOnce("The function's name."),
		"function_name": schema.StringAttribute{
			Required: true, Validators: []validator.String{attr.Name()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Name of the function, unique in the account. Changing it creates a new function.",
		},
		"runtime": schema.StringAttribute{
			Required: true, Validators: []validator.String{stringvalidator.OneOf(runtimes...)},
			MarkdownDescription: "What executes the code: " + quoted(runtimes) + ". Not every server has every one of them.",
		},
		"handler": schema.StringAttribute{
			Required: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 128)},
			MarkdownDescription: "Entry point of the code, such as `index.handler`; for `go1` the name of the executable. Custom runtimes do not use it, but the API asks for it.",
		},
		"description": schema.StringAttribute{
			Optional: true, Validators: []validator.String{attr.Description()},
			MarkdownDescription: "Free text, at most 256 characters.",
		},
		"package_dir": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			MarkdownDescription: "Directory with the code. It is packed the same way on every machine: sorted, with one fixed time and the modes 0644 and 0755. " +
				"A file `.fcignore` in it, in gitignore syntax, lists what stays out.",
		},
		"package_file": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			MarkdownDescription: "ZIP file with the code, sent as it is.",
		},
		"cpu": schema.Float64Attribute{
			Optional: true, Computed: true, Validators: []validator.Float64{float64validator.Between(0.05, 16), stepOf(0.05)},
			PlanModifiers:       []planmodifier.Float64{keepCPU{}},
			MarkdownDescription: "vCPUs of an instance, 0.05 to 16 in steps of 0.05. For each vCPU there must be 1 to 4 GB of memory.",
		},
		"memory_size": optionalInt("Memory of an instance in MB, 128 to 32768 in steps of 64.", int64validator.Between(128, 32768), multipleOf(64)),
		"disk_size":   optionalInt("Temporary disk of an instance in MB, 512 or 10240.", int64validator.OneOf(512, 10240)),
		"timeout":     optionalInt("Longest time of one invocation in seconds, 1 to 86400.", int64validator.Between(1, 86400)),
		"instance_concurrency": optionalInt("How many invocations one instance handles at once, 1 to 200. More than 1 needs a custom runtime.",
			int64validator.Between(1, 200)),
		"idle_timeout": optionalInt("How long an idle instance is kept, in seconds.", int64validator.AtLeast(0)),
		"internet_access": schema.BoolAttribute{
			Optional: true, Computed: true, PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseStateForUnknown()},
			MarkdownDescription: "Whether the function may reach public networks.",
		},
		"environment_variables": schema.MapAttribute{
			Optional: true, Sensitive: true, ElementType: types.StringType,
			Validators: []validator.Map{mapvalidator.KeysAre(
				stringvalidator.RegexMatches(envName, "must begin with a letter and have only letters, digits and underscores"),
				stringvalidator.RegexMatches(notReserved, "must not begin with FC_, which the platform keeps for itself"),
			), envSize{}},
			MarkdownDescription: "Environment of the function, at most 4 KB in all. Names that begin with `FC_` belong to the platform.",
		},
		"layers": schema.ListAttribute{
			Optional: true, ElementType: types.StringType, Validators: []validator.List{listvalidator.UniqueValues()},
			MarkdownDescription: "ARNs of layer versions. Where two layers hold the same file, the one listed first wins.",
		},
		"role": schema.StringAttribute{
			Optional: true, Validators: []validator.String{attr.Role()},
			MarkdownDescription: "ARN of the role whose temporary credentials the function gets.",
		},
		"instance_isolation_mode": optionalText("`SHARE`, `REQUEST_EXCLUSIVE` or `SESSION_EXCLUSIVE`.",
			stringvalidator.OneOf("SHARE", "REQUEST_EXCLUSIVE", "SESSION_EXCLUSIVE")),
		"session_affinity": optionalText("How requests of one session find their instance: `NONE`, `HEADER_FIELD`, `GENERATED_COOKIE`, `MCP_SSE` or `MCP_STREAMABLE`.",
			stringvalidator.OneOf("NONE", "HEADER_FIELD", "GENERATED_COOKIE", "MCP_SSE", "MCP_STREAMABLE")),
		"session_affinity_config": schema.StringAttribute{
			Optional: true, CustomType: jsontypes.NormalizedType{},
			MarkdownDescription: "Settings of the session affinity, as JSON.",
		},
		"disable_inject_credentials": optionalText("Where the role's credentials are not put: `None`, `Env`, `Request` or `All`.",
			stringvalidator.OneOf("None", "Env", "Request", "All")),
		"tags": schema.MapAttribute{
			Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.SizeAtMost(20)},
			MarkdownDescription: "Up to 20 labels.",
		},
		"code_checksum": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "CRC-64/ECMA of the package that the server has, as decimal text. While planning, that of the package it shall have.",
		},
		"code_size":          schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the package in bytes."},
		"function_arn":       computedOnce("ARN of the function."),
		"function_id":        computedOnce("ID of the function; a function created anew under the same name has another."),
		"create_time":        computedOnce("When the function was created."),
		"last_modified_time": computed("When the function was last changed."),
		"state":              computed("Whether the function can be invoked, such as `Active` or `Pending`."),
		"state_reason":       computed("Why the function is in this state."),
		"state_reason_code":  computed("The same in one word."),
		"last_update_status": computed("How far the last change has come, such as `Successful`."),
	}
}

func computed(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// computedOnce is for what the server gives at creation and never changes.
func computedOnce(description string) schema.StringAttribute {
	return schema.StringAttribute{
		Computed: true, MarkdownDescription: description,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// optionalText and optionalInt leave the default to the server.
func optionalText(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Validators: checks, MarkdownDescription: description,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func optionalInt(description string, checks ...validator.Int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		Optional: true, Computed: true, Validators: checks, MarkdownDescription: description,
		PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
	}
}

func quoted(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

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

// keepCPU keeps the server's choice of vCPUs unless the memory, on which that
// choice depends, changes.
type keepCPU struct{}

func (keepCPU) Description(context.Context) string               { return "follows the memory unless it is set" }
func (m keepCPU) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (keepCPU) PlanModifyFloat64(ctx context.Context, req planmodifier.Float64Request, resp *planmodifier.Float64Response) {
	if !req.ConfigValue.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var was, want types.Int64
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("memory_size"), &was)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("memory_size"), &want)...)
	if want.IsNull() || want.Equal(was) {
		float64planmodifier.UseStateForUnknown().PlanModifyFloat64(ctx, req, resp)
	} else {
		resp.PlanValue = types.Float64Unknown()
	}
}

func knownRuntime(name types.String) bool {
	return !name.IsNull() && !name.IsUnknown() && slices.Contains(runtimes, name.ValueString())
}
