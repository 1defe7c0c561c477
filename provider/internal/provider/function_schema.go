package provider

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/provider/internal/attr"
)

// runtimes are those whose code is a package. The server decides which of them
// it can run.
var runtimes = slices.DeleteFunc(slices.Clone(api.Runtimes), func(name string) bool { return name == api.RuntimeContainer })

var envName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func (r *functionResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A function: code, the runtime that executes it, and what it may use.\n\n" +
			"The code comes from exactly one of `package_dir`, `package_file` and `code`. Its checksum is computed while planning and compared with the server's: " +
			"code that was changed on either side shows as a change of `code_checksum`. " +
			"What was approved is what gets deployed: if the code changes after a plan was saved, Terraform refuses to apply that plan, as inconsistent.",
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
			PlanModifiers:       []planmodifier.Float64{fitMemory{}},
			MarkdownDescription: "vCPUs of an instance, 0.05 to 16 in steps of 0.05. For each vCPU there must be 1 to 4 GB of memory. Unless it is given it follows `memory_size`.",
		},
		"memory_size": schema.Int64Attribute{
			Optional: true, Computed: true, Validators: []validator.Int64{int64validator.Between(128, 32768), multipleOf(64)},
			PlanModifiers:       []planmodifier.Int64{fitCPU{}},
			MarkdownDescription: "Memory of an instance in MB, 128 to 32768 in steps of 64. Unless it is given it follows `cpu`.",
		},
		"disk_size": optionalInt("Temporary disk of an instance in MB, 512 or 10240.", int64validator.OneOf(512, 10240)),
		"timeout":   optionalInt("Longest time of one invocation in seconds, 1 to 86400.", int64validator.Between(1, 86400)),
		"instance_concurrency": optionalInt("How many invocations one instance handles at once, 1 to 200. More than 1 needs a custom runtime.",
			int64validator.Between(1, 200)),
		"idle_timeout": optionalInt("How long an idle instance is kept, in seconds, at most 86400.", int64validator.Between(0, 86400)),
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
			Optional: true, ElementType: types.StringType, Validators: []validator.List{listvalidator.UniqueValues(), listvalidator.SizeAtMost(5)},
			MarkdownDescription: "Up to five ARNs of layer versions. Where two layers hold the same file, the one listed first wins.",
		},
		"role": schema.StringAttribute{
			Optional: true, Validators: []validator.String{attr.Role()},
			MarkdownDescription: "ARN of the role whose temporary credentials the function gets.",
		},
		"instance_isolation_mode": defaulted(defaultIsolation, "Whether requests share an instance: `SHARE` (the default), `REQUEST_EXCLUSIVE` or `SESSION_EXCLUSIVE`.",
			stringvalidator.OneOf("SHARE", "REQUEST_EXCLUSIVE", "SESSION_EXCLUSIVE")),
		"session_affinity": defaulted(defaultAffinity, "How requests of one session find their instance: `NONE` (the default), `HEADER_FIELD`, `GENERATED_COOKIE`, `MCP_SSE` or `MCP_STREAMABLE`.",
			stringvalidator.OneOf("NONE", "HEADER_FIELD", "GENERATED_COOKIE", "MCP_SSE", "MCP_STREAMABLE")),
		"session_affinity_config": schema.StringAttribute{
			Optional: true, CustomType: jsontypes.NormalizedType{},
			MarkdownDescription: "Settings of the session affinity, as JSON.",
		},
		"disable_inject_credentials": defaulted(defaultInjection, "Where the role's credentials are not put: `None` (the default), `Env`, `Request` or `All`.",
			stringvalidator.OneOf("None", "Env", "Request", "All")),
		"tags": schema.MapAttribute{
			Optional: true, ElementType: types.StringType, Validators: []validator.Map{
				mapvalidator.SizeAtMost(20),
				mapvalidator.KeysAre(stringvalidator.LengthBetween(1, 64)),
				mapvalidator.ValueStringsAre(stringvalidator.LengthAtMost(128)),
			},
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

// clearable is for what is cleared when it is taken out of the configuration.
func clearable(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: checks, MarkdownDescription: description}
}

// defaulted is for what every server does in the same way unless it is told.
func defaulted(standard, description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(standard),
		Validators: checks, MarkdownDescription: description,
	}
}

// optionalText and optionalInt leave the default to the server.
func optionalText(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Validators: checks, MarkdownDescription: description,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseNonNullStateForUnknown()},
	}
}

func optionalInt(description string, checks ...validator.Int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		Optional: true, Computed: true, Validators: checks, MarkdownDescription: description,
		PlanModifiers: []planmodifier.Int64{int64planmodifier.UseNonNullStateForUnknown()},
	}
}

func quoted(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }
