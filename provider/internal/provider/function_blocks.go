package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

// For each block there is a pair: from gives nil where neither the server nor
// the configuration says anything, to gives an empty request where a block was
// there and is no more, because that is what clears it.

type customRuntimeModel struct {
	Command     types.List        `tfsdk:"command"`
	Args        types.List        `tfsdk:"args"`
	Port        types.Int64       `tfsdk:"port"`
	HealthCheck *healthCheckModel `tfsdk:"health_check_config"`
}

// defaultPort is where a custom runtime listens if nothing else is said.
const defaultPort = 9000

func customRuntimeFrom(c *fcapi.CustomRuntime, prior *customRuntimeModel) *customRuntimeModel {
	if c == nil {
		c = &fcapi.CustomRuntime{}
	}
	if prior == nil {
		port := c.Port == nil || *c.Port == 0 || *c.Port == defaultPort
		if len(c.Command) == 0 && len(c.Args) == 0 && port && c.HealthCheck.Unset() {
			return nil
		}
		prior = &customRuntimeModel{Command: types.ListNull(types.StringType), Args: types.ListNull(types.StringType)}
	}
	return &customRuntimeModel{
		Command:     listFrom(c.Command, prior.Command),
		Args:        listFrom(c.Args, prior.Args),
		Port:        intFrom(c.Port, prior.Port),
		HealthCheck: healthCheckFrom(c.HealthCheck, prior.HealthCheck),
	}
}

func (m *customRuntimeModel) to(ctx context.Context, prior *customRuntimeModel, diags *diag.Diagnostics) *fcapi.CustomRuntime {
	if m == nil {
		if prior == nil {
			return nil
		}
		return &fcapi.CustomRuntime{Command: []string{}, Args: []string{}, Port: new(int64(defaultPort))}
	}
	out := &fcapi.CustomRuntime{
		Command:     append([]string{}, texts(ctx, m.Command, diags)...),
		Args:        append([]string{}, texts(ctx, m.Args, diags)...),
		Port:        knownInt(m.Port),
		HealthCheck: m.HealthCheck.to(),
	}
	if m.HealthCheck == nil && prior != nil && prior.HealthCheck != nil {
		out.HealthCheck = &fcapi.HealthCheck{HTTPGetURL: new("")}
	}
	return out
}

type healthCheckModel struct {
	HTTPGetURL          types.String `tfsdk:"http_get_url"`
	InitialDelaySeconds types.Int64  `tfsdk:"initial_delay_seconds"`
	PeriodSeconds       types.Int64  `tfsdk:"period_seconds"`
	TimeoutSeconds      types.Int64  `tfsdk:"timeout_seconds"`
	FailureThreshold    types.Int64  `tfsdk:"failure_threshold"`
	SuccessThreshold    types.Int64  `tfsdk:"success_threshold"`
}

func healthCheckFrom(h *fcapi.HealthCheck, prior *healthCheckModel) *healthCheckModel {
	if prior == nil {
		if h.Unset() {
			return nil
		}
		prior = &healthCheckModel{}
	}
	if h == nil {
		h = &fcapi.HealthCheck{}
	}
	return &healthCheckModel{
		HTTPGetURL:          textFrom(h.HTTPGetURL, prior.HTTPGetURL),
		InitialDelaySeconds: types.Int64Value(orZero(h.InitialDelaySeconds)),
		PeriodSeconds:       intFrom(h.PeriodSeconds, prior.PeriodSeconds),
		TimeoutSeconds:      intFrom(h.TimeoutSeconds, prior.TimeoutSeconds),
		FailureThreshold:    intFrom(h.FailureThreshold, prior.FailureThreshold),
		SuccessThreshold:    intFrom(h.SuccessThreshold, prior.SuccessThreshold),
	}
}

func (m *healthCheckModel) to() *fcapi.HealthCheck {
	if m == nil {
		return nil
	}
	return &fcapi.HealthCheck{
		HTTPGetURL:          known(m.HTTPGetURL),
		InitialDelaySeconds: knownInt(m.InitialDelaySeconds),
		PeriodSeconds:       knownInt(m.PeriodSeconds),
		TimeoutSeconds:      knownInt(m.TimeoutSeconds),
		FailureThreshold:    knownInt(m.FailureThreshold),
		SuccessThreshold:    knownInt(m.SuccessThreshold),
	}
}

type lifecycleModel struct {
	Initializer *hookModel `tfsdk:"initializer"`
	PreStop     *hookModel `tfsdk:"pre_stop"`
}

type hookModel struct {
	Handler types.String `tfsdk:"handler"`
	Command types.List   `tfsdk:"command"`
	Timeout types.Int64  `tfsdk:"timeout"`
}

func lifecycleFrom(l *fcapi.Lifecycle, prior *lifecycleModel) *lifecycleModel {
	if l == nil {
		l = &fcapi.Lifecycle{}
	}
	if prior == nil {
		if l.Initializer.Unset() && l.PreStop.Unset() {
			return nil
		}
		prior = &lifecycleModel{}
	}
	return &lifecycleModel{
		Initializer: hookFrom(l.Initializer, prior.Initializer),
		PreStop:     hookFrom(l.PreStop, prior.PreStop),
	}
}

func hookFrom(h *fcapi.Hook, prior *hookModel) *hookModel {
	if prior == nil {
		if h.Unset() {
			return nil
		}
		prior = &hookModel{Command: types.ListNull(types.StringType)}
	}
	if h == nil {
		h = &fcapi.Hook{}
	}
	return &hookModel{
		Handler: textFrom(h.Handler, prior.Handler),
		Command: listFrom(h.Command, prior.Command),
		Timeout: intFrom(h.Timeout, prior.Timeout),
	}
}

func (m *lifecycleModel) to(ctx context.Context, prior *lifecycleModel, diags *diag.Diagnostics) *fcapi.Lifecycle {
	if m == nil {
		if prior == nil {
			return nil
		}
		return &fcapi.Lifecycle{}
	}
	return &fcapi.Lifecycle{Initializer: m.Initializer.to(ctx, diags), PreStop: m.PreStop.to(ctx, diags)}
}

func (m *hookModel) to(ctx context.Context, diags *diag.Diagnostics) *fcapi.Hook {
	if m == nil {
		return nil
	}
	return &fcapi.Hook{Handler: known(m.Handler), Command: texts(ctx, m.Command, diags), Timeout: knownInt(m.Timeout)}
}

type logModel struct {
	Project               types.String `tfsdk:"project"`
	Logstore              types.String `tfsdk:"logstore"`
	LogBeginRule          types.String `tfsdk:"log_begin_rule"`
	EnableRequestMetrics  types.Bool   `tfsdk:"enable_request_metrics"`
	EnableInstanceMetrics types.Bool   `tfsdk:"enable_instance_metrics"`
}

func logFrom(l *fcapi.Log, prior *logModel) *logModel {
	if l == nil {
		l = &fcapi.Log{}
	}
	if prior == nil {
		if blank(l.Project) && blank(l.Logstore) {
			return nil
		}
		prior = &logModel{}
	}
	return &logModel{
		Project:               textFrom(l.Project, prior.Project),
		Logstore:              textFrom(l.Logstore, prior.Logstore),
		LogBeginRule:          textFrom(l.LogBeginRule, prior.LogBeginRule),
		EnableRequestMetrics:  boolFrom(l.EnableRequestMetrics, prior.EnableRequestMetrics),
		EnableInstanceMetrics: boolFrom(l.EnableInstanceMetrics, prior.EnableInstanceMetrics),
	}
}

func (m *logModel) to(prior *logModel) *fcapi.Log {
	if m == nil {
		if prior == nil {
			return nil
		}
		return &fcapi.Log{Project: new(""), Logstore: new("")}
	}
	if prior == nil {
		prior = &logModel{}
	}
	return &fcapi.Log{
		Project:               textTo(m.Project, prior.Project),
		Logstore:              textTo(m.Logstore, prior.Logstore),
		LogBeginRule:          known(m.LogBeginRule),
		EnableRequestMetrics:  knownBool(m.EnableRequestMetrics),
		EnableInstanceMetrics: knownBool(m.EnableInstanceMetrics),
	}
}

type nasModel struct {
	UserID      types.Int64     `tfsdk:"user_id"`
	GroupID     types.Int64     `tfsdk:"group_id"`
	MountPoints []nasMountModel `tfsdk:"mount_points"`
}

type nasMountModel struct {
	ServerAddr types.String `tfsdk:"server_addr"`
	MountDir   types.String `tfsdk:"mount_dir"`
	EnableTLS  types.Bool   `tfsdk:"enable_tls"`
}

func nasFrom(n *fcapi.NAS, prior *nasModel) *nasModel {
	if n == nil {
		n = &fcapi.NAS{}
	}
	if prior == nil {
		if len(n.MountPoints) == 0 {
			return nil
		}
		prior = &nasModel{}
	}
	m := &nasModel{
		UserID:      intFrom(n.UserID, prior.UserID),
		GroupID:     intFrom(n.GroupID, prior.GroupID),
		MountPoints: []nasMountModel{},
	}
	for i, mount := range n.MountPoints {
		var was nasMountModel
		if i < len(prior.MountPoints) {
			was = prior.MountPoints[i]
		}
		m.MountPoints = append(m.MountPoints, nasMountModel{
			ServerAddr: types.StringPointerValue(mount.ServerAddr),
			MountDir:   types.StringPointerValue(mount.MountDir),
			EnableTLS:  boolFrom(mount.EnableTLS, was.EnableTLS),
		})
	}
	return m
}

func (m *nasModel) to(prior *nasModel) *fcapi.NAS {
	if m == nil {
		if prior == nil {
			return nil
		}
		return &fcapi.NAS{MountPoints: []fcapi.NASMount{}}
	}
	out := &fcapi.NAS{UserID: knownInt(m.UserID), GroupID: knownInt(m.GroupID), MountPoints: []fcapi.NASMount{}}
	for _, mount := range m.MountPoints {
		out.MountPoints = append(out.MountPoints, fcapi.NASMount{
			ServerAddr: known(mount.ServerAddr), MountDir: known(mount.MountDir), EnableTLS: knownBool(mount.EnableTLS),
		})
	}
	return out
}

type vpcModel struct {
	VpcID           types.String `tfsdk:"vpc_id"`
	VSwitchIDs      types.List   `tfsdk:"vswitch_ids"`
	SecurityGroupID types.String `tfsdk:"security_group_id"`
}

func vpcFrom(v *fcapi.VPC, prior *vpcModel) *vpcModel {
	if v == nil {
		v = &fcapi.VPC{}
	}
	if prior == nil {
		if blank(v.VpcID) {
			return nil
		}
		prior = &vpcModel{VSwitchIDs: types.ListNull(types.StringType)}
	}
	return &vpcModel{
		VpcID:           textFrom(v.VpcID, prior.VpcID),
		VSwitchIDs:      listFrom(v.VSwitchIDs, prior.VSwitchIDs),
		SecurityGroupID: textFrom(v.SecurityGroupID, prior.SecurityGroupID),
	}
}

func (m *vpcModel) to(ctx context.Context, prior *vpcModel, diags *diag.Diagnostics) *fcapi.VPC {
	if m == nil {
		if prior == nil {
			return nil
		}
		return &fcapi.VPC{VpcID: new(""), VSwitchIDs: []string{}, SecurityGroupID: new("")}
	}
	return &fcapi.VPC{
		VpcID:           known(m.VpcID),
		VSwitchIDs:      append([]string{}, texts(ctx, m.VSwitchIDs, diags)...),
		SecurityGroupID: known(m.SecurityGroupID),
	}
}

func blank(text *string) bool { return text == nil || *text == "" }
