package apicontroller

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

const timeLayout = "2006-01-02T15:04:05Z"

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

// poolTag is the tag by which SDK users choose the pool of a function.
const poolTag = "fcstack.pool"

// apply puts the members that are given into f. The code is apart: it is not in the
// metadata.
func apply(f *fc.Function, s *api.FunctionSettings) error {
	set(&f.Handler, s.Handler)
	set(&f.Description, s.Description)
	set(&f.Role, s.Role)
	set(&f.MemoryMB, s.MemorySize)
	set(&f.DiskMB, s.DiskSize)
	set(&f.Concurrency, s.InstanceConcurrency)
	setSeconds(&f.Timeout, s.Timeout)
	setSeconds(&f.IdleTimeout, s.IdleTimeout)
	if s.Runtime != nil {
		f.Runtime = fc.Runtime(*s.Runtime)
	}
	if s.CPU != nil {
		f.CPU = api.RoundCPU(*s.CPU)
	}
	if s.EnvironmentVariables != nil {
		f.Env = s.EnvironmentVariables
	}
	if s.CustomRuntimeConfig != nil {
		f.Custom = customRuntime(s.CustomRuntimeConfig)
	} else if !api.IsCustomRuntime(string(f.Runtime)) {
		f.Custom = nil // it went with the runtime before
	}
	if l := s.InstanceLifecycleConfig; l != nil {
		f.Initializer, f.PreStop = hook(l.Initializer), hook(l.PreStop)
	}
	return keep(f, s)
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func setSeconds(field *time.Duration, seconds *int) {
	if seconds != nil {
		*field = time.Duration(*seconds) * time.Second
	}
}

// keep stores what the platform shows and does not act upon.
func keep(f *fc.Function, s *api.FunctionSettings) error {
	for _, member := range []struct {
		name  string
		given bool
		value any
	}{
		{"customContainerConfig", s.CustomContainerConfig != nil, s.CustomContainerConfig},
		{"gpuConfig", s.GPUConfig != nil, s.GPUConfig},
		{"internetAccess", s.InternetAccess != nil, s.InternetAccess},
		{"logConfig", s.LogConfig != nil, s.LogConfig},
		{"nasConfig", s.NASConfig != nil, s.NASConfig},
		{"ossMountConfig", s.OSSMountConfig != nil, s.OSSMountConfig},
		{"polarFsConfig", s.PolarFSConfig != nil, s.PolarFSConfig},
		{"vpcConfig", s.VPCConfig != nil, s.VPCConfig},
		{"customDNS", s.CustomDNS != nil, s.CustomDNS},
		{"tracingConfig", s.TracingConfig != nil, s.TracingConfig},
		{"instanceIsolationMode", s.InstanceIsolationMode != nil, s.InstanceIsolationMode},
		{"sessionAffinity", s.SessionAffinity != nil, s.SessionAffinity},
		{"sessionAffinityConfig", s.SessionAffinityConfig != nil, s.SessionAffinityConfig},
		{"disableInjectCredentials", s.DisableInjectCredentials != nil, s.DisableInjectCredentials},
		{"disableOndemand", s.DisableOndemand != nil, s.DisableOndemand},
		{"enableLongLiving", s.EnableLongLiving != nil, s.EnableLongLiving},
	} {
		if !member.given {
			continue
		}
		if err := keepOne(f, member.name, member.value); err != nil {
			return err
		}
	}
	return nil
}

func keepOne(f *fc.Function, name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if isEmpty(raw) {
		delete(f.Kept, name)
		return nil
	}
	if f.Kept == nil {
		f.Kept = map[string]json.RawMessage{}
	}
	f.Kept[name] = raw
	return nil
}

// isEmpty tells whether a JSON value holds nothing but empty texts, lists and objects:
// that is how clients clear a setting.
func isEmpty(raw json.RawMessage) bool {
	var v any
	return json.Unmarshal(raw, &v) == nil && isEmptyValue(v)
}

func isEmptyValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if !isEmptyValue(member) {
				return false
			}
		}
		return true
	}
	return false
}

func customRuntime(in *api.CustomRuntimeConfig) *fc.CustomRuntime {
	out := &fc.CustomRuntime{Command: in.Command, Args: in.Args}
	set(&out.Port, in.Port)
	if h := in.HealthCheckConfig; h != nil && *h != (api.CustomHealthCheckConfig{}) {
		out.Health = &fc.HealthCheck{
			Path:             h.HTTPGetURL,
			InitialDelay:     time.Duration(h.InitialDelaySeconds) * time.Second,
			Period:           time.Duration(h.PeriodSeconds) * time.Second,
			Timeout:          time.Duration(h.TimeoutSeconds) * time.Second,
			FailureThreshold: h.FailureThreshold,
			SuccessThreshold: h.SuccessThreshold,
		}
	}
	if len(out.Command) == 0 && len(out.Args) == 0 && out.Port == 0 && out.Health == nil {
		return nil
	}
	return out
}

func hook(in *api.LifecycleHook) *fc.Hook {
	if in == nil || in.Handler == "" && len(in.Command) == 0 {
		return nil
	}
	out := &fc.Hook{Handler: in.Handler, Command: in.Command}
	setSeconds(&out.Timeout, in.Timeout)
	return out
}

// show is a function as the API shows it.
func (c *Controller) show(f *fc.Function) *api.Function {
	out := &api.Function{
		FunctionName: f.Name,
		FunctionARN:  c.functionARN(f.Account, f.Name),
		FunctionID:   f.ID,
		Description:  f.Description,
		Runtime:      string(f.Runtime),
		Handler:      f.Handler,

		CPU:                 f.CPU,
		MemorySize:          f.MemoryMB,
		DiskSize:            f.DiskMB,
		Timeout:             int(f.Timeout / time.Second),
		InstanceConcurrency: f.Concurrency,
		IdleTimeout:         int(f.IdleTimeout / time.Second),
		InternetAccess:      true,

		CodeChecksum:         f.Code.CRC64,
		CodeSize:             f.Code.Size,
		EnvironmentVariables: f.Env,
		Layers:               []api.FunctionLayer{},
		CustomRuntimeConfig:  showCustomRuntime(f.Custom),
		Role:                 f.Role,

		CreatedTime:      timeText(f.Created),
		LastModifiedTime: timeText(f.Modified),
		State:            "Active",
		LastUpdateStatus: "Successful",
	}
	if out.EnvironmentVariables == nil {
		out.EnvironmentVariables = map[string]string{}
	}
	if f.Initializer != nil || f.PreStop != nil {
		out.InstanceLifecycleConfig = &api.InstanceLifecycleConfig{Initializer: showHook(f.Initializer), PreStop: showHook(f.PreStop)}
	}
	for _, t := range f.Tags {
		out.Tags = append(out.Tags, api.Tag{Key: t.Key, Value: t.Value})
	}
	if r := f.Restriction; r != nil {
		out.InvocationRestriction = &api.FunctionRestriction{Disable: r.Disabled, Reason: r.Reason, LastModifiedTime: timeText(r.Modified)}
	}
	c.showKept(f, out)
	return out
}

// showKept puts the members that are only kept back to where they came from.
func (c *Controller) showKept(f *fc.Function, out *api.Function) {
	if len(f.Kept) == 0 {
		return
	}
	raw, err := json.Marshal(f.Kept)
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		c.log.Error("kept settings of a function cannot be read", "function", f.Name, "err", err)
	}
	if cc := out.CustomContainerConfig; cc != nil && cc.RegistryConfig != nil && cc.RegistryConfig.AuthConfig != nil {
		cc.RegistryConfig.AuthConfig.Password = ""
	}
}

func showCustomRuntime(in *fc.CustomRuntime) *api.CustomRuntimeConfig {
	if in == nil {
		return nil
	}
	port := in.Port
	if port == 0 {
		port = api.DefaultPort
	}
	out := &api.CustomRuntimeConfig{Command: in.Command, Args: in.Args, Port: &port}
	if h := in.Health; h != nil {
		out.HealthCheckConfig = &api.CustomHealthCheckConfig{
			HTTPGetURL:          h.Path,
			InitialDelaySeconds: int(h.InitialDelay / time.Second),
			PeriodSeconds:       int(h.Period / time.Second),
			TimeoutSeconds:      int(h.Timeout / time.Second),
			FailureThreshold:    h.FailureThreshold,
			SuccessThreshold:    h.SuccessThreshold,
		}
	}
	return out
}

func showHook(in *fc.Hook) *api.LifecycleHook {
	if in == nil {
		return nil
	}
	timeout := int(in.Timeout / time.Second)
	if timeout == 0 {
		timeout = 3
	}
	return &api.LifecycleHook{Handler: in.Handler, Command: in.Command, Timeout: &timeout}
}

func (c *Controller) functionARN(account, name string) string {
	return "acs:fc:" + c.cfg.Region + ":" + account + ":functions/" + name
}
