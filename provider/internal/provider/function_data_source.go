package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/attr"
	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

var _ datasource.DataSourceWithConfigure = (*functionDataSource)(nil)

func newFunctionDataSource() datasource.DataSource { return &functionDataSource{} }

type functionDataSource struct{ connectedData }

type functionDataModel struct {
	Qualifier            types.String `tfsdk:"qualifier"`
	EnvironmentVariables types.Map    `tfsdk:"environment_variables"`
	Layers               types.List   `tfsdk:"layers"`
	Tags                 types.Map    `tfsdk:"tags"`
	functionItem
}

// functionItem is what is said of a function in a list as well.
type functionItem struct {
	ID                  types.String  `tfsdk:"id"`
	FunctionName        types.String  `tfsdk:"function_name"`
	Runtime             types.String  `tfsdk:"runtime"`
	Handler             types.String  `tfsdk:"handler"`
	Description         types.String  `tfsdk:"description"`
	CPU                 types.Float64 `tfsdk:"cpu"`
	MemorySize          types.Int64   `tfsdk:"memory_size"`
	DiskSize            types.Int64   `tfsdk:"disk_size"`
	Timeout             types.Int64   `tfsdk:"timeout"`
	InstanceConcurrency types.Int64   `tfsdk:"instance_concurrency"`
	InternetAccess      types.Bool    `tfsdk:"internet_access"`
	Role                types.String  `tfsdk:"role"`
	CodeChecksum        types.String  `tfsdk:"code_checksum"`
	CodeSize            types.Int64   `tfsdk:"code_size"`
	FunctionARN         types.String  `tfsdk:"function_arn"`
	FunctionID          types.String  `tfsdk:"function_id"`
	CreateTime          types.String  `tfsdk:"create_time"`
	LastModifiedTime    types.String  `tfsdk:"last_modified_time"`
}

func itemFrom(f *fcapi.Function) functionItem {
	return functionItem{
		ID:                  types.StringValue(f.Name()),
		FunctionName:        types.StringValue(f.Name()),
		Runtime:             types.StringPointerValue(f.Runtime),
		Handler:             types.StringPointerValue(f.Handler),
		Description:         types.StringPointerValue(f.Description),
		CPU:                 numberFrom(f.CPU, types.Float64Null()),
		MemorySize:          types.Int64PointerValue(f.MemorySize),
		DiskSize:            types.Int64PointerValue(f.DiskSize),
		Timeout:             types.Int64PointerValue(f.Timeout),
		InstanceConcurrency: types.Int64PointerValue(f.InstanceConcurrency),
		InternetAccess:      types.BoolPointerValue(f.InternetAccess),
		Role:                types.StringPointerValue(f.Role),
		CodeChecksum:        filled(f.CodeChecksum),
		CodeSize:            types.Int64Value(f.CodeSize),
		FunctionARN:         filled(f.FunctionARN),
		FunctionID:          filled(f.FunctionID),
		CreateTime:          filled(f.CreatedTime),
		LastModifiedTime:    filled(f.LastModifiedTime),
	}
}

// itemAttributes describe a functionItem.
func itemAttributes() map[string]schema.Attribute {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	number := func(description string) schema.Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: description}
	}
	return map[string]schema.Attribute{
		"id":                   text("The function's name."),
		"function_name":        text("Name of the function."),
		"runtime":              text("What executes the code."),
		"handler":              text("Entry point of the code."),
		"description":          text("Free text."),
		"cpu":                  schema.Float64Attribute{Computed: true, MarkdownDescription: "vCPUs of an instance."},
		"memory_size":          number("Memory of an instance in MB."),
		"disk_size":            number("Temporary disk of an instance in MB."),
		"timeout":              number("Longest time of one invocation in seconds."),
		"instance_concurrency": number("How many invocations one instance handles at once."),
		"internet_access":      schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the function may reach public networks."},
		"role":                 text("ARN of the role whose credentials the function gets."),
		"code_checksum":        text("CRC-64/ECMA of the package, as decimal text."),
		"code_size":            number("Size of the package in bytes."),
		"function_arn":         text("ARN of the function."),
		"function_id":          text("ID of the function."),
		"create_time":          text("When the function was created."),
		"last_modified_time":   text("When the function was last changed."),
	}
}

func (d *functionDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_function"
}

func (d *functionDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := itemAttributes()
	attributes["function_name"] = schema.StringAttribute{
		Required: true, Validators: []validator.String{attr.Name()}, MarkdownDescription: "Name of the function.",
	}
	attributes["qualifier"] = schema.StringAttribute{
		Optional: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		MarkdownDescription: "Version or alias to look at; `LATEST` unless given.",
	}
	attributes["environment_variables"] = schema.MapAttribute{
		Computed: true, Sensitive: true, ElementType: types.StringType, MarkdownDescription: "Environment of the function.",
	}
	attributes["layers"] = schema.ListAttribute{
		Computed: true, ElementType: types.StringType, MarkdownDescription: "ARNs of layer versions.",
	}
	attributes["tags"] = schema.MapAttribute{
		Computed: true, ElementType: types.StringType, MarkdownDescription: "Labels of the function.",
	}
	resp.Schema = schema.Schema{MarkdownDescription: "One function, by its name.", Attributes: attributes}
}

func (d *functionDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m functionDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	name := m.FunctionName.ValueString()
	f, err := client.Function(ctx, name, m.Qualifier.ValueString())
	if errors.Is(err, fcapi.ErrNotFound) {
		resp.Diagnostics.AddAttributeError(path.Root("function_name"), "No such function", fmt.Sprintf("%s at %s.", capitalize(err.Error()), client.Endpoint()))
		return
	}
	if err != nil {
		functionFailed(err, "read", path.Empty(), &resp.Diagnostics)
		return
	}
	m.functionItem = itemFrom(f)
	m.EnvironmentVariables = mapFrom(f.EnvironmentVariables, types.MapNull(types.StringType))
	m.Layers = listFrom(layerARNs(f.Layers), types.ListNull(types.StringType))
	m.Tags = mapFrom(tagMap(f.Tags), types.MapNull(types.StringType))
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
