package api

// CustomRuntimeConfig says how a custom runtime's server is started.
type CustomRuntimeConfig struct {
	Command           []string                 `json:"command,omitempty"`
	Args              []string                 `json:"args,omitempty"`
	Port              *int                     `json:"port,omitempty"`
	HealthCheckConfig *CustomHealthCheckConfig `json:"healthCheckConfig,omitempty"`
}

// CustomContainerConfig says which image is started and how.
type CustomContainerConfig struct {
	Image             string                   `json:"image"`
	Entrypoint        []string                 `json:"entrypoint,omitempty"`
	Command           []string                 `json:"command,omitempty"`
	Port              *int                     `json:"port,omitempty"`
	HealthCheckConfig *CustomHealthCheckConfig `json:"healthCheckConfig,omitempty"`
	RegistryConfig    *RegistryConfig          `json:"registryConfig,omitempty"`
	ACRInstanceID     string                   `json:"acrInstanceId,omitempty"`
	AccelerationType  string                   `json:"accelerationType,omitempty"`
	ResolvedImageURI  string                   `json:"resolvedImageUri,omitempty"`
}

// RegistryConfig says how an image registry is reached.
type RegistryConfig struct {
	AuthConfig    *RegistryAuthConfig    `json:"authConfig,omitempty"`
	CertConfig    *RegistryCertConfig    `json:"certConfig,omitempty"`
	NetworkConfig *RegistryNetworkConfig `json:"networkConfig,omitempty"`
}

// RegistryAuthConfig is a registry's login. The password is never shown.
type RegistryAuthConfig struct {
	UserName string `json:"userName,omitempty"`
	Password string `json:"password,omitempty"`
}

// RegistryCertConfig says how a registry's certificate is checked.
type RegistryCertConfig struct {
	Insecure         bool   `json:"insecure,omitempty"`
	RootCACertBase64 string `json:"rootCaCertBase64,omitempty"`
}

// RegistryNetworkConfig is the network a registry is in.
type RegistryNetworkConfig struct {
	VPCID           string `json:"vpcId,omitempty"`
	VSwitchID       string `json:"vSwitchId,omitempty"`
	SecurityGroupID string `json:"securityGroupId,omitempty"`
}

// CustomHealthCheckConfig is a periodic GET; a zero means the default.
type CustomHealthCheckConfig struct {
	HTTPGetURL          string `json:"httpGetUrl,omitempty"`
	InitialDelaySeconds int    `json:"initialDelaySeconds,omitempty"`
	PeriodSeconds       int    `json:"periodSeconds,omitempty"`
	TimeoutSeconds      int    `json:"timeoutSeconds,omitempty"`
	FailureThreshold    int    `json:"failureThreshold,omitempty"`
	SuccessThreshold    int    `json:"successThreshold,omitempty"`
}

// InstanceLifecycleConfig are the hooks of an instance.
type InstanceLifecycleConfig struct {
	Initializer *LifecycleHook `json:"initializer,omitempty"`
	PreStop     *LifecycleHook `json:"preStop,omitempty"`
}

// LifecycleHook is a handler or a command, not both.
type LifecycleHook struct {
	Handler string   `json:"handler,omitempty"`
	Command []string `json:"command,omitempty"`
	Timeout *int     `json:"timeout,omitempty"` // seconds
}

// GPUConfig asks for a share of a GPU.
type GPUConfig struct {
	GPUType       string `json:"gpuType,omitempty"`
	GPUMemorySize int    `json:"gpuMemorySize,omitempty"` // MB
}

// LogConfig is where logs go and what beside them.
type LogConfig struct {
	Project               string `json:"project"`
	Logstore              string `json:"logstore"`
	EnableRequestMetrics  *bool  `json:"enableRequestMetrics,omitempty"`
	EnableInstanceMetrics *bool  `json:"enableInstanceMetrics,omitempty"`
	EnableLLMMetrics      *bool  `json:"enableLlmMetrics,omitempty"`
	LogBeginRule          string `json:"logBeginRule,omitempty"`
}

// NASConfig mounts shared file systems.
type NASConfig struct {
	UserID      *int             `json:"userId,omitempty"`
	GroupID     *int             `json:"groupId,omitempty"`
	MountPoints []NASMountConfig `json:"mountPoints"`
}

// NASMountConfig is one mount of a shared file system.
type NASMountConfig struct {
	ServerAddr string `json:"serverAddr"`
	MountDir   string `json:"mountDir"`
	EnableTLS  *bool  `json:"enableTLS,omitempty"`
}

// OSSMountConfig mounts buckets.
type OSSMountConfig struct {
	MountPoints []OSSMountPoint `json:"mountPoints"`
}

// OSSMountPoint is one mount of a bucket.
type OSSMountPoint struct {
	BucketName string `json:"bucketName"`
	BucketPath string `json:"bucketPath,omitempty"`
	MountDir   string `json:"mountDir"`
	Endpoint   string `json:"endpoint,omitempty"`
	ReadOnly   *bool  `json:"readOnly,omitempty"`
}

// PolarFSConfig mounts PolarFS instances.
type PolarFSConfig struct {
	UserID      *int                 `json:"userId,omitempty"`
	GroupID     *int                 `json:"groupId,omitempty"`
	MountPoints []PolarFSMountConfig `json:"mountPoints"`
}

// PolarFSMountConfig is one mount of a PolarFS instance.
type PolarFSMountConfig struct {
	InstanceID string `json:"instanceId"`
	MountDir   string `json:"mountDir"`
	RemoteDir  string `json:"remoteDir,omitempty"`
	ReadOnly   *bool  `json:"readOnly,omitempty"`
}

// VPCConfig is the network instances are put in.
type VPCConfig struct {
	VPCID           string   `json:"vpcId"`
	VSwitchIDs      []string `json:"vSwitchIds"`
	SecurityGroupID string   `json:"securityGroupId"`
	Role            string   `json:"role,omitempty"`
}

// CustomDNS is the resolver configuration of instances.
type CustomDNS struct {
	NameServers []string    `json:"nameServers,omitempty"`
	Searches    []string    `json:"searches,omitempty"`
	DNSOptions  []DNSOption `json:"dnsOptions,omitempty"`
}

// DNSOption is one resolver option.
type DNSOption struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// TracingConfig is where traces go.
type TracingConfig struct {
	Type   string            `json:"type"`
	Params map[string]string `json:"params,omitempty"`
}
