package api

import "fmt"

func (c *checks) customRuntime(r *CustomRuntimeConfig) {
	if r == nil {
		return
	}
	c.number("customRuntimeConfig.port", r.Port, 0, 65535)
	c.healthCheck("customRuntimeConfig.healthCheckConfig", r.HealthCheckConfig)
}

func (c *checks) customContainer(r *CustomContainerConfig) {
	if r == nil {
		return
	}
	c.number("customContainerConfig.port", r.Port, 0, 65535)
	c.healthCheck("customContainerConfig.healthCheckConfig", r.HealthCheckConfig)
	if r.AccelerationType != "" {
		c.oneOf("customContainerConfig.accelerationType", r.AccelerationType, "Default", "None")
	}
}

// healthCheck takes 0 everywhere: it means the default.
func (c *checks) healthCheck(field string, h *CustomHealthCheckConfig) {
	if h == nil {
		return
	}
	c.length(field+".httpGetUrl", h.HTTPGetURL, 0, 2048)
	c.within(field+".initialDelaySeconds", h.InitialDelaySeconds, 0, 120)
	c.within(field+".periodSeconds", h.PeriodSeconds, 0, 120)
	c.within(field+".timeoutSeconds", h.TimeoutSeconds, 0, 3)
	c.within(field+".failureThreshold", h.FailureThreshold, 0, 120)
	c.within(field+".successThreshold", h.SuccessThreshold, 0, 120)
}

func (c *checks) lifecycle(l *InstanceLifecycleConfig) {
	if l == nil {
		return
	}
	c.hook("instanceLifecycleConfig.initializer", l.Initializer, 300)
	c.hook("instanceLifecycleConfig.preStop", l.PreStop, 90)
}

func (c *checks) hook(field string, h *LifecycleHook, maxTimeout int) {
	if h == nil {
		return
	}
	c.length(field+".handler", h.Handler, 0, 128)
	if h.Handler != "" && len(h.Command) > 0 {
		c.fail(field, "handler and command exclude each other")
	}
	c.number(field+".timeout", h.Timeout, 0, maxTimeout)
}

// surroundings checks network, mounts, logs, tracing and GPU.
func (c *checks) surroundings(s *FunctionSettings) {
	c.gpu(s.GPUConfig)
	if l := s.LogConfig; l != nil {
		c.length("logConfig.project", l.Project, 0, 63)
		c.length("logConfig.logstore", l.Logstore, 0, 63)
		if l.LogBeginRule != "" {
			c.oneOf("logConfig.logBeginRule", l.LogBeginRule, "None", "DefaultRegex")
		}
	}
	c.mounts(s)
	if v := s.VPCConfig; v != nil {
		c.length("vpcConfig.vpcId", v.VPCID, 0, 50)
		c.length("vpcConfig.securityGroupId", v.SecurityGroupID, 0, 50)
		if len(v.VSwitchIDs) > 10 {
			c.fail("vpcConfig.vSwitchIds", "%d entries are more than 10", len(v.VSwitchIDs))
		}
	}
	if d := s.CustomDNS; d != nil {
		for i, o := range d.DNSOptions {
			c.length(fmt.Sprintf("customDNS.dnsOptions[%d].name", i), o.Name, 0, 256)
			c.length(fmt.Sprintf("customDNS.dnsOptions[%d].value", i), o.Value, 0, 256)
		}
	}
	if t := s.TracingConfig; t != nil && t.Type != "" {
		c.oneOf("tracingConfig.type", t.Type, "Jaeger")
	}
}

func (c *checks) gpu(g *GPUConfig) {
	if g == nil {
		return
	}
	c.length("gpuConfig.gpuType", g.GPUType, 0, 128)
	if g.GPUMemorySize < 0 || g.GPUMemorySize%1024 != 0 {
		c.fail("gpuConfig.gpuMemorySize", "%d is not a multiple of 1024", g.GPUMemorySize)
	}
}

const maxMounts = 5

func (c *checks) mounts(s *FunctionSettings) {
	if n := s.NASConfig; n != nil {
		c.mountCount("nasConfig.mountPoints", len(n.MountPoints))
		for i, m := range n.MountPoints {
			field := fmt.Sprintf("nasConfig.mountPoints[%d]", i)
			c.length(field+".serverAddr", m.ServerAddr, 1, 128)
			c.length(field+".mountDir", m.MountDir, 1, 64)
		}
	}
	if o := s.OSSMountConfig; o != nil {
		c.mountCount("ossMountConfig.mountPoints", len(o.MountPoints))
		for i, m := range o.MountPoints {
			field := fmt.Sprintf("ossMountConfig.mountPoints[%d]", i)
			c.length(field+".bucketName", m.BucketName, 3, 64)
			c.length(field+".bucketPath", m.BucketPath, 0, 128)
			c.length(field+".mountDir", m.MountDir, 2, 64)
			c.length(field+".endpoint", m.Endpoint, 0, 128)
		}
	}
	if p := s.PolarFSConfig; p != nil {
		c.mountCount("polarFsConfig.mountPoints", len(p.MountPoints))
	}
}

func (c *checks) mountCount(field string, n int) {
	if n > maxMounts {
		c.fail(field, "%d mounts are more than %d", n, maxMounts)
	}
}
