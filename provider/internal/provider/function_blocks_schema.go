package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func codeBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Code that is not a local file: an object in the object store, or a ZIP as base64 text.",
		Attributes: map[string]schema.Attribute{
			"oss_bucket_name": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Bucket that holds the package; goes with `oss_object_name`.",
				Validators: []validator.String{stringvalidator.LengthBetween(3, 63), stringvalidator.AlsoRequires(sibling("oss_object_name"))},
			},
			"oss_object_name": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the package in the bucket.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(sibling("oss_bucket_name"))},
			},
			"checksum": schema.StringAttribute{
				Optional: true, MarkdownDescription: "CRC-64/ECMA of the package as decimal text. With it, a new object under the same name is noticed, and the server checks what it reads.",
				Validators: []validator.String{stringvalidator.RegexMatches(decimal, "must be decimal digits")},
			},
			"zip_file": schema.StringAttribute{
				Optional: true, MarkdownDescription: "The package as base64 text. It is kept in the state; `package_file` is not.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
		},
	}
}

func customRuntimeBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "How a custom runtime is started. Without it, `/code/bootstrap` is.",
		Attributes: map[string]schema.Attribute{
			"command": textList("Program and first arguments."),
			"args":    textList("Further arguments."),
			"port":    optionalInt("Port that the function's HTTP server listens on.", int64validator.Between(0, 65535)),
		},
		Blocks: map[string]schema.Block{"health_check_config": healthCheckBlock()},
	}
}

func healthCheckBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Periodic probe of the HTTP server; an instance that fails it is replaced.",
		Attributes: map[string]schema.Attribute{
			"http_get_url": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Path that is asked for.",
				Validators: []validator.String{stringvalidator.LengthBetween(1, 2048)},
			},
			"initial_delay_seconds": optionalInt("Seconds before the first probe.", int64validator.Between(0, 120)),
			"period_seconds":        optionalInt("Seconds between two probes.", int64validator.Between(1, 120)),
			"timeout_seconds":       optionalInt("Longest time of one probe in seconds.", int64validator.Between(1, 3)),
			"failure_threshold":     optionalInt("Failures in a row that make an instance unhealthy.", int64validator.Between(1, 120)),
			"success_threshold":     optionalInt("Successes in a row that make it healthy.", int64validator.Between(1, 120)),
		},
	}
}

func lifecycleBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Hooks in the life of an instance.",
		Blocks: map[string]schema.Block{
			"initializer": hookBlock("Runs once, before the first invocation.", 300),
			"pre_stop":    hookBlock("Runs before the instance is stopped.", 90),
		},
	}
}

func hookBlock(description string, longest int64) schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"handler": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Handler of the hook; conflicts with `command`.",
				Validators: []validator.String{stringvalidator.LengthBetween(1, 128), stringvalidator.ConflictsWith(sibling("command"))},
			},
			"command": schema.ListAttribute{
				Optional: true, ElementType: types.StringType, MarkdownDescription: "Command that is executed in the instance.",
				Validators: []validator.List{listvalidator.SizeAtLeast(1)},
			},
			"timeout": optionalInt("Longest time of the hook in seconds.", int64validator.Between(1, longest)),
		},
	}
}

func logBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Where the logs of the function go.",
		Attributes: map[string]schema.Attribute{
			"project":                 clearable("Log project.", stringvalidator.LengthBetween(1, 63)),
			"logstore":                clearable("Log store in the project.", stringvalidator.LengthBetween(1, 63)),
			"log_begin_rule":          optionalText("How the first line of a log entry is found: `None` or `DefaultRegex`.", stringvalidator.OneOf("None", "DefaultRegex")),
			"enable_request_metrics":  optionalBool("Record metrics of every request."),
			"enable_instance_metrics": optionalBool("Record metrics of every instance."),
		},
	}
}

func nasBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Shared directories.",
		Attributes: map[string]schema.Attribute{
			"user_id":  optionalInt("User that files are written as."),
			"group_id": optionalInt("Group that files are written as."),
		},
		Blocks: map[string]schema.Block{
			"mount_points": schema.ListNestedBlock{
				MarkdownDescription: "Up to five mounts.",
				Validators:          []validator.List{listvalidator.SizeAtMost(5)},
				NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
					"server_addr": schema.StringAttribute{
						Required: true, MarkdownDescription: "Server and its directory.",
						Validators: []validator.String{stringvalidator.LengthBetween(1, 128)},
					},
					"mount_dir": schema.StringAttribute{
						Required: true, MarkdownDescription: "Directory in the instance.",
						Validators: []validator.String{stringvalidator.LengthBetween(1, 64)},
					},
					"enable_tls": optionalBool("Encrypt what goes to the server and back."),
				}},
			},
		},
	}
}

func vpcBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Network that the instances are attached to.",
		Attributes: map[string]schema.Attribute{
			"vpc_id":            clearable("ID of the network.", stringvalidator.LengthBetween(1, 50)),
			"vswitch_ids":       schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "IDs of its switches.", Validators: []validator.List{listvalidator.SizeBetween(1, 10)}},
			"security_group_id": clearable("ID of the security group.", stringvalidator.LengthBetween(1, 50)),
		},
	}
}

func sibling(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }

func textList(description string) schema.ListAttribute {
	return schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

func optionalBool(description string) schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true, Computed: true, MarkdownDescription: description,
		PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseNonNullStateForUnknown()},
	}
}
