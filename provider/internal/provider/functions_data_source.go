package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

var _ datasource.DataSourceWithConfigure = (*functionsDataSource)(nil)

func newFunctionsDataSource() datasource.DataSource { return &functionsDataSource{} }

type functionsDataSource struct{ connectedData }

type functionsDataModel struct {
	Prefix    types.String   `tfsdk:"prefix"`
	Runtime   types.String   `tfsdk:"runtime"`
	Names     []types.String `tfsdk:"names"`
	Functions []functionItem `tfsdk:"functions"`
}

func (d *functionsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_functions"
}

func (d *functionsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "All functions, or those with a common prefix or runtime, in the order of their names.",
		Attributes: map[string]schema.Attribute{
			"prefix": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Only functions whose name begins with this.",
			},
			"runtime": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(runtimes...)},
				MarkdownDescription: "Only functions with this runtime.",
			},
			"names": schema.ListAttribute{
				Computed: true, ElementType: types.StringType, MarkdownDescription: "Names of the functions.",
			},
			"functions": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The functions.",
				NestedObject: schema.NestedAttributeObject{Attributes: itemAttributes()},
			},
		},
	}
}

func (d *functionsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m functionsDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	all, err := client.Functions(ctx, fcapi.Filter{Prefix: m.Prefix.ValueString(), Runtime: m.Runtime.ValueString()})
	if err != nil {
		functionFailed(err, "list", path.Empty(), &resp.Diagnostics)
		return
	}
	m.Names, m.Functions = []types.String{}, []functionItem{}
	for _, f := range all {
		// A server may not know the filter; the answer is right all the same.
		if want := m.Runtime; !want.IsNull() && (f.Runtime == nil || *f.Runtime != want.ValueString()) {
			continue
		}
		m.Names = append(m.Names, types.StringValue(f.Name()))
		m.Functions = append(m.Functions, itemFrom(&f))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
