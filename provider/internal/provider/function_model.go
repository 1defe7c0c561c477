package provider

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

// What the server does where these settings are left out.
const (
	defaultIsolation = "SHARE"
	defaultAffinity  = "NONE"
	defaultInjection = "None"
)

type functionModel struct {
	ID                       types.String         `tfsdk:"id"`
	FunctionName             types.String         `tfsdk:"function_name"`
	Runtime                  types.String         `tfsdk:"runtime"`
	Handler                  types.String         `tfsdk:"handler"`
	Description              types.String         `tfsdk:"description"`
	PackageDir               types.String         `tfsdk:"package_dir"`
	PackageFile              types.String         `tfsdk:"package_file"`
	CPU                      types.Float64        `tfsdk:"cpu"`
	MemorySize               types.Int64          `tfsdk:"memory_size"`
	DiskSize                 types.Int64          `tfsdk:"disk_size"`
	Timeout                  types.Int64          `tfsdk:"timeout"`
	InstanceConcurrency      types.Int64          `tfsdk:"instance_concurrency"`
	IdleTimeout              types.Int64          `tfsdk:"idle_timeout"`
	InternetAccess           types.Bool           `tfsdk:"internet_access"`
	EnvironmentVariables     types.Map            `tfsdk:"environment_variables"`
	Layers                   types.List           `tfsdk:"layers"`
	Role                     types.String         `tfsdk:"role"`
	InstanceIsolationMode    types.String         `tfsdk:"instance_isolation_mode"`
	SessionAffinity          types.String         `tfsdk:"session_affinity"`
	SessionAffinityConfig    jsontypes.Normalized `tfsdk:"session_affinity_config"`
	DisableInjectCredentials types.String         `tfsdk:"disable_inject_credentials"`
	Tags                     types.Map            `tfsdk:"tags"`
	CodeChecksum             types.String         `tfsdk:"code_checksum"`
	CodeSize                 types.Int64          `tfsdk:"code_size"`
	FunctionARN              types.String         `tfsdk:"function_arn"`
	FunctionID               types.String         `tfsdk:"function_id"`
	CreateTime               types.String         `tfsdk:"create_time"`
	LastModifiedTime         types.String         `tfsdk:"last_modified_time"`
	State                    types.String         `tfsdk:"state"`
	StateReason              types.String         `tfsdk:"state_reason"`
	StateReasonCode          types.String         `tfsdk:"state_reason_code"`
	LastUpdateStatus         types.String         `tfsdk:"last_update_status"`

	Code                    *codeModel          `tfsdk:"code"`
	CustomRuntimeConfig     *customRuntimeModel `tfsdk:"custom_runtime_config"`
	InstanceLifecycleConfig *lifecycleModel     `tfsdk:"instance_lifecycle_config"`
	LogConfig               *logModel           `tfsdk:"log_config"`
	NASConfig               *nasModel           `tfsdk:"nas_config"`
	VPCConfig               *vpcModel           `tfsdk:"vpc_config"`
}

// from takes over what the server says. What m holds before decides the form
// of what the server leaves open; see values.go.
func (m *functionModel) from(f *fcapi.Function) {
	m.ID = types.StringValue(f.Name())
	m.FunctionName = types.StringValue(f.Name())
	m.Runtime = types.StringPointerValue(f.Runtime)
	m.Handler = types.StringPointerValue(f.Handler)
	m.Description = textFrom(f.Description, m.Description)
	m.CPU = numberFrom(f.CPU, m.CPU)
	m.MemorySize = intFrom(f.MemorySize, m.MemorySize)
	m.DiskSize = intFrom(f.DiskSize, m.DiskSize)
	m.Timeout = intFrom(f.Timeout, m.Timeout)
	m.InstanceConcurrency = intFrom(f.InstanceConcurrency, m.InstanceConcurrency)
	m.IdleTimeout = intFrom(f.IdleTimeout, m.IdleTimeout)
	m.InternetAccess = boolFrom(f.InternetAccess, m.InternetAccess)
	m.EnvironmentVariables = mapFrom(f.EnvironmentVariables, m.EnvironmentVariables)
	m.Layers = listFrom(layerARNs(f.Layers), m.Layers)
	m.Role = textFrom(f.Role, m.Role)
	m.InstanceIsolationMode = defaultedFrom(f.InstanceIsolationMode, defaultIsolation)
	m.SessionAffinity = defaultedFrom(f.SessionAffinity, defaultAffinity)
	m.SessionAffinityConfig = jsonFrom(f.SessionAffinityConfig, m.SessionAffinityConfig)
	m.DisableInjectCredentials = defaultedFrom(f.DisableInjectCredentials, defaultInjection)
	m.Tags = mapFrom(tagMap(f.Tags), m.Tags)
	m.CodeChecksum = filled(f.CodeChecksum)
	m.CodeSize = types.Int64Value(f.CodeSize)
	m.FunctionARN = filled(f.FunctionARN)
	m.FunctionID = filled(f.FunctionID)
	m.CreateTime = filled(f.CreatedTime)
	m.LastModifiedTime = filled(f.LastModifiedTime)
	m.State = filled(f.State)
	m.StateReason = filled(f.StateReason)
	m.StateReasonCode = filled(f.StateReasonCode)
	m.LastUpdateStatus = filled(f.LastUpdateStatus)
	m.CustomRuntimeConfig = customRuntimeFrom(f.CustomRuntimeConfig, m.CustomRuntimeConfig)
	m.InstanceLifecycleConfig = lifecycleFrom(f.InstanceLifecycleConfig, m.InstanceLifecycleConfig)
	m.LogConfig = logFrom(f.LogConfig, m.LogConfig)
	m.NASConfig = nasFrom(f.NASConfig, m.NASConfig)
	m.VPCConfig = vpcFrom(f.VPCConfig, m.VPCConfig)
}

// to is the request that makes the function as planned. prior is what it is
// now; an empty model stands for a function that is yet to be created.
func (m *functionModel) to(ctx context.Context, prior *functionModel, diags *diag.Diagnostics) *fcapi.FunctionInput {
	in := &fcapi.FunctionInput{Layers: listTo(ctx, m.Layers, prior.Layers, diags)}
	in.FunctionName = known(m.FunctionName)
	in.Runtime = known(m.Runtime)
	in.Handler = known(m.Handler)
	in.Description = textTo(m.Description, prior.Description)
	in.CPU = knownNumber(m.CPU)
	in.MemorySize = knownInt(m.MemorySize)
	in.DiskSize = knownInt(m.DiskSize)
	in.Timeout = knownInt(m.Timeout)
	in.InstanceConcurrency = knownInt(m.InstanceConcurrency)
	in.IdleTimeout = knownInt(m.IdleTimeout)
	in.InternetAccess = knownBool(m.InternetAccess)
	in.EnvironmentVariables = mapTo(ctx, m.EnvironmentVariables, prior.EnvironmentVariables, diags)
	in.Role = textTo(m.Role, prior.Role)
	in.InstanceIsolationMode = known(m.InstanceIsolationMode)
	in.SessionAffinity = known(m.SessionAffinity)
	in.SessionAffinityConfig = textTo(m.SessionAffinityConfig.StringValue, prior.SessionAffinityConfig.StringValue)
	in.DisableInjectCredentials = known(m.DisableInjectCredentials)
	in.CustomRuntimeConfig = m.CustomRuntimeConfig.to(ctx, prior.CustomRuntimeConfig, diags)
	in.InstanceLifecycleConfig = m.InstanceLifecycleConfig.to(ctx, prior.InstanceLifecycleConfig, diags)
	in.LogConfig = m.LogConfig.to(prior.LogConfig)
	in.NASConfig = m.NASConfig.to(prior.NASConfig)
	in.VPCConfig = m.VPCConfig.to(ctx, prior.VPCConfig, diags)
	return in
}

func (m *functionModel) tags(ctx context.Context, diags *diag.Diagnostics) map[string]string {
	return mapTo(ctx, m.Tags, types.MapNull(types.StringType), diags)
}

func tagList(tags map[string]string) []fcapi.Tag {
	var out []fcapi.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, fcapi.Tag{Key: key, Value: tags[key]})
	}
	return out
}

func layerARNs(layers []fcapi.Layer) []string {
	var out []string
	for _, layer := range layers {
		out = append(out, layer.ARN)
	}
	return out
}

func jsonFrom(server *string, prior jsontypes.Normalized) jsontypes.Normalized {
	return jsontypes.Normalized{StringValue: textFrom(server, prior.StringValue)}
}
