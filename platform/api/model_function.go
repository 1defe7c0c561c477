package api

// CreateFunctionInput is the body of CreateFunction. A nil member was not given;
// clients write JSON null for every list and map they leave out.
type CreateFunctionInput struct {
	FunctionName string `json:"functionName"`
	FunctionSettings
	Tags            []Tag   `json:"tags,omitempty"`
	ResourceGroupID *string `json:"resourceGroupId,omitempty"`
}

// UpdateFunctionInput is the body of UpdateFunction: what is nil stays as it is,
// what is an empty list, map or text is cleared.
type UpdateFunctionInput struct {
	FunctionSettings
}

// FunctionSettings are the members that create and update have in common.
type FunctionSettings struct {
	Runtime                  *string                  `json:"runtime,omitempty"`
	Handler                  *string                  `json:"handler,omitempty"`
	Code                     *InputCodeLocation       `json:"code,omitempty"`
	CustomContainerConfig    *CustomContainerConfig   `json:"customContainerConfig,omitempty"`
	CustomRuntimeConfig      *CustomRuntimeConfig     `json:"customRuntimeConfig,omitempty"`
	Description              *string                  `json:"description,omitempty"`
	CPU                      *float64                 `json:"cpu,omitempty"`        // vCPU
	MemorySize               *int                     `json:"memorySize,omitempty"` // MB
	DiskSize                 *int                     `json:"diskSize,omitempty"`   // MB
	Timeout                  *int                     `json:"timeout,omitempty"`    // seconds
	InstanceConcurrency      *int                     `json:"instanceConcurrency,omitempty"`
	EnvironmentVariables     map[string]string        `json:"environmentVariables"`
	Layers                   []string                 `json:"layers"` // ARNs of layer versions
	GPUConfig                *GPUConfig               `json:"gpuConfig,omitempty"`
	InstanceLifecycleConfig  *InstanceLifecycleConfig `json:"instanceLifecycleConfig,omitempty"`
	InternetAccess           *bool                    `json:"internetAccess,omitempty"`
	LogConfig                *LogConfig               `json:"logConfig,omitempty"`
	NASConfig                *NASConfig               `json:"nasConfig,omitempty"`
	OSSMountConfig           *OSSMountConfig          `json:"ossMountConfig,omitempty"`
	PolarFSConfig            *PolarFSConfig           `json:"polarFsConfig,omitempty"`
	VPCConfig                *VPCConfig               `json:"vpcConfig,omitempty"`
	Role                     *string                  `json:"role,omitempty"`
	CustomDNS                *CustomDNS               `json:"customDNS,omitempty"`
	TracingConfig            *TracingConfig           `json:"tracingConfig,omitempty"`
	IdleTimeout              *int                     `json:"idleTimeout,omitempty"` // seconds
	InstanceIsolationMode    *string                  `json:"instanceIsolationMode,omitempty"`
	SessionAffinity          *string                  `json:"sessionAffinity,omitempty"`
	SessionAffinityConfig    *string                  `json:"sessionAffinityConfig,omitempty"` // JSON text
	DisableInjectCredentials *string                  `json:"disableInjectCredentials,omitempty"`
	DisableOndemand          *bool                    `json:"disableOndemand,omitempty"`
	EnableLongLiving         *bool                    `json:"enableLongLiving,omitempty"`
}

// Function is a function as the API shows it.
type Function struct {
	FunctionName string `json:"functionName"`
	FunctionARN  string `json:"functionArn"`
	FunctionID   string `json:"functionId"`
	Description  string `json:"description"`
	Runtime      string `json:"runtime"`
	Handler      string `json:"handler"`

	CPU                 float64 `json:"cpu"`
	MemorySize          int     `json:"memorySize"`
	DiskSize            int     `json:"diskSize"`
	Timeout             int     `json:"timeout"`
	InstanceConcurrency int     `json:"instanceConcurrency"`
	IdleTimeout         int     `json:"idleTimeout,omitempty"`
	InternetAccess      bool    `json:"internetAccess"`

	CodeChecksum string `json:"codeChecksum,omitempty"` // decimal text
	CodeSize     int64  `json:"codeSize"`

	EnvironmentVariables    map[string]string        `json:"environmentVariables"`
	Layers                  []FunctionLayer          `json:"layers"`
	CustomContainerConfig   *CustomContainerConfig   `json:"customContainerConfig,omitempty"`
	CustomRuntimeConfig     *CustomRuntimeConfig     `json:"customRuntimeConfig,omitempty"`
	GPUConfig               *GPUConfig               `json:"gpuConfig,omitempty"`
	InstanceLifecycleConfig *InstanceLifecycleConfig `json:"instanceLifecycleConfig,omitempty"`
	LogConfig               *LogConfig               `json:"logConfig,omitempty"`
	NASConfig               *NASConfig               `json:"nasConfig,omitempty"`
	OSSMountConfig          *OSSMountConfig          `json:"ossMountConfig,omitempty"`
	PolarFSConfig           *PolarFSConfig           `json:"polarFsConfig,omitempty"`
	VPCConfig               *VPCConfig               `json:"vpcConfig,omitempty"`
	CustomDNS               *CustomDNS               `json:"customDNS,omitempty"`
	TracingConfig           *TracingConfig           `json:"tracingConfig,omitempty"`
	Role                    string                   `json:"role"`
	Tags                    []Tag                    `json:"tags,omitempty"`
	ResourceGroupID         string                   `json:"resourceGroupId,omitempty"`

	InstanceIsolationMode    string `json:"instanceIsolationMode,omitempty"`
	SessionAffinity          string `json:"sessionAffinity,omitempty"`
	SessionAffinityConfig    string `json:"sessionAffinityConfig,omitempty"`
	DisableInjectCredentials string `json:"disableInjectCredentials,omitempty"`
	DisableOndemand          bool   `json:"disableOndemand,omitempty"`
	EnableLongLiving         bool   `json:"enableLongLiving,omitempty"`

	CreatedTime      string `json:"createdTime"`
	LastModifiedTime string `json:"lastModifiedTime"`

	// The states are left out of lists.
	State                      string `json:"state,omitempty"`
	StateReason                string `json:"stateReason,omitempty"`
	StateReasonCode            string `json:"stateReasonCode,omitempty"`
	LastUpdateStatus           string `json:"lastUpdateStatus,omitempty"`
	LastUpdateStatusReason     string `json:"lastUpdateStatusReason,omitempty"`
	LastUpdateStatusReasonCode string `json:"lastUpdateStatusReasonCode,omitempty"`

	InvocationRestriction *FunctionRestriction `json:"invocationRestriction,omitempty"`
}

// FunctionRestriction says that calls of a function are refused, and why.
type FunctionRestriction struct {
	Disable          bool   `json:"disable"`
	Reason           string `json:"reason"`
	LastModifiedTime string `json:"lastModifiedTime"`
}

// ListFunctionsOutput is one page of functions.
type ListFunctionsOutput struct {
	Functions []Function `json:"functions"`
	NextToken string     `json:"nextToken,omitempty"`
}

// OutputFuncCode tells where the package of a function can be fetched for a while.
type OutputFuncCode struct {
	URL      string `json:"url"`
	Checksum string `json:"checksum"`
}

// DisableFunctionInvocationInput is the body of DisableFunctionInvocation.
type DisableFunctionInvocationInput struct {
	Reason              *string `json:"reason,omitempty"`
	AbortOngoingRequest *bool   `json:"abortOngoingRequest,omitempty"`
}

// InvocationSwitchOutput answers EnableFunctionInvocation and its opposite.
type InvocationSwitchOutput struct {
	Success bool `json:"success"`
}

// InputCodeLocation is where the code comes from: in the request, or an object.
type InputCodeLocation struct {
	ZipFile       *string `json:"zipFile,omitempty"` // base64
	OSSBucketName *string `json:"ossBucketName,omitempty"`
	OSSObjectName *string `json:"ossObjectName,omitempty"`
	Checksum      *string `json:"checksum,omitempty"` // CRC-64, decimal text

	// ZipTaken says that the reader of the request took the package out of the
	// body on the way, so that it never was in memory whole.
	ZipTaken bool `json:"-"`
}

// FunctionLayer is a layer as a function shows it.
type FunctionLayer struct {
	ARN  string `json:"arn"`
	Size int64  `json:"size"`
}

// Tag labels a function. Its members are capitalised on the wire; lower-case
// ones are read too.
type Tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}
