package fcapi

import (
	"context"
	"errors"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
)

// Settings is what a function can be told to be. A nil member is left as the
// server has it; an empty, non-nil one clears the setting.
type Settings struct {
	FunctionName             *string           `json:"functionName,omitempty"`
	Runtime                  *string           `json:"runtime,omitempty"`
	Handler                  *string           `json:"handler,omitempty"`
	Description              *string           `json:"description,omitempty"`
	CPU                      *float64          `json:"cpu,omitempty"`
	MemorySize               *int64            `json:"memorySize,omitempty"` // MB
	DiskSize                 *int64            `json:"diskSize,omitempty"`   // MB
	Timeout                  *int64            `json:"timeout,omitempty"`    // seconds
	InstanceConcurrency      *int64            `json:"instanceConcurrency,omitempty"`
	IdleTimeout              *int64            `json:"idleTimeout,omitempty"` // seconds
	InternetAccess           *bool             `json:"internetAccess,omitempty"`
	Role                     *string           `json:"role,omitempty"`
	InstanceIsolationMode    *string           `json:"instanceIsolationMode,omitempty"`
	SessionAffinity          *string           `json:"sessionAffinity,omitempty"`
	SessionAffinityConfig    *string           `json:"sessionAffinityConfig,omitempty"`
	DisableInjectCredentials *string           `json:"disableInjectCredentials,omitempty"`
	EnvironmentVariables     map[string]string `json:"environmentVariables"`
	CustomRuntimeConfig      *CustomRuntime    `json:"customRuntimeConfig,omitempty"`
	InstanceLifecycleConfig  *Lifecycle        `json:"instanceLifecycleConfig,omitempty"`
	LogConfig                *Log              `json:"logConfig,omitempty"`
	NASConfig                *NAS              `json:"nasConfig,omitempty"`
	VPCConfig                *VPC              `json:"vpcConfig,omitempty"`
}

// CustomRuntime says how a custom runtime is started and watched.
type CustomRuntime struct {
	Command     []string     `json:"command"`
	Args        []string     `json:"args"`
	Port        *int64       `json:"port,omitempty"`
	HealthCheck *HealthCheck `json:"healthCheckConfig,omitempty"`
}

// HealthCheck is the periodic probe of a custom runtime. Times are in seconds.
type HealthCheck struct {
	HTTPGetURL          *string `json:"httpGetUrl,omitempty"`
	InitialDelaySeconds *int64  `json:"initialDelaySeconds,omitempty"`
	PeriodSeconds       *int64  `json:"periodSeconds,omitempty"`
	TimeoutSeconds      *int64  `json:"timeoutSeconds,omitempty"`
	FailureThreshold    *int64  `json:"failureThreshold,omitempty"`
	SuccessThreshold    *int64  `json:"successThreshold,omitempty"`
}

// Unset says whether nothing is probed; the server may still report defaults.
func (h *HealthCheck) Unset() bool {
	return h == nil || h.HTTPGetURL == nil || *h.HTTPGetURL == ""
}

// Lifecycle holds the hooks of an instance.
type Lifecycle struct {
	Initializer *Hook `json:"initializer,omitempty"`
	PreStop     *Hook `json:"preStop,omitempty"`
}

// Hook is a handler or a command, and how long it may take, in seconds.
type Hook struct {
	Handler *string  `json:"handler,omitempty"`
	Command []string `json:"command"`
	Timeout *int64   `json:"timeout,omitempty"`
}

// Unset says whether nothing is hooked in; the server may still report a timeout.
func (h *Hook) Unset() bool {
	return h == nil || len(h.Command) == 0 && (h.Handler == nil || *h.Handler == "")
}

// Log says where the function's logs go.
type Log struct {
	Project               *string `json:"project,omitempty"`
	Logstore              *string `json:"logstore,omitempty"`
	LogBeginRule          *string `json:"logBeginRule,omitempty"`
	EnableRequestMetrics  *bool   `json:"enableRequestMetrics,omitempty"`
	EnableInstanceMetrics *bool   `json:"enableInstanceMetrics,omitempty"`
}

// NAS lists the shared directories mounted into an instance.
type NAS struct {
	UserID      *int64     `json:"userId,omitempty"`
	GroupID     *int64     `json:"groupId,omitempty"`
	MountPoints []NASMount `json:"mountPoints"`
}

// NASMount is one shared directory.
type NASMount struct {
	ServerAddr *string `json:"serverAddr,omitempty"`
	MountDir   *string `json:"mountDir,omitempty"`
	EnableTLS  *bool   `json:"enableTLS,omitempty"`
}

// VPC is the network an instance is attached to.
type VPC struct {
	VpcID           *string  `json:"vpcId,omitempty"`
	VSwitchIDs      []string `json:"vSwitchIds"`
	SecurityGroupID *string  `json:"securityGroupId,omitempty"`
}

// Code is a package sent along, or a reference to an object.
type Code struct {
	ZipFile       *string `json:"zipFile,omitempty"` // base64
	OSSBucketName *string `json:"ossBucketName,omitempty"`
	OSSObjectName *string `json:"ossObjectName,omitempty"`
	Checksum      *string `json:"checksum,omitempty"` // CRC-64/ECMA, decimal
}

// FunctionInput is Settings with what only a request carries.
type FunctionInput struct {
	Settings
	Layers []string `json:"layers"`
	Tags   []Tag    `json:"tags"`
	Code   *Code    `json:"code,omitempty"`
}

// Tag is one label of a function.
type Tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

// Function is a function as the server describes it.
type Function struct {
	Settings
	FunctionARN      string  `json:"functionArn"`
	FunctionID       string  `json:"functionId"`
	CodeChecksum     string  `json:"codeChecksum"`
	CodeSize         int64   `json:"codeSize"`
	CreatedTime      string  `json:"createdTime"`
	LastModifiedTime string  `json:"lastModifiedTime"`
	State            string  `json:"state"`
	StateReason      string  `json:"stateReason"`
	StateReasonCode  string  `json:"stateReasonCode"`
	LastUpdateStatus string  `json:"lastUpdateStatus"`
	Layers           []Layer `json:"layers"`
	Tags             []Tag   `json:"tags"`
}

// Layer is a layer version that a function uses.
type Layer struct {
	ARN string `json:"arn"`
}

// Name is the function's name.
func (f *Function) Name() string {
	if f.FunctionName == nil {
		return ""
	}
	return *f.FunctionName
}

// settling reports whether the server is still working on the last change.
func (f *Function) settling() bool {
	return f.State == "Pending" || f.LastUpdateStatus == "InProgress"
}

// Function returns a function; an empty qualifier means LATEST.
func (c *Client) Function(ctx context.Context, name, qualifier string) (*Function, error) {
	var resp *sdk.GetFunctionResponse
	err := c.read(ctx, "read function "+name, func(ctx context.Context) (err error) {
		req := &sdk.GetFunctionRequest{Qualifier: optional(qualifier)}
		resp, err = c.sdk.GetFunctionWithContext(ctx, &name, req, headers(), options())
		return err
	})
	if err != nil {
		return nil, err
	}
	return convert[Function](resp.Body)
}

// CreateFunction creates a function. It is not repeated where the first try
// may have been carried out, so ErrExists always means somebody else's.
func (c *Client) CreateFunction(ctx context.Context, in *FunctionInput) (*Function, error) {
	body, err := convert[sdk.CreateFunctionInput](in)
	if err != nil {
		return nil, err
	}
	var resp *sdk.CreateFunctionResponse
	err = c.create(ctx, "create function "+*in.FunctionName, func(ctx context.Context) (err error) {
		resp, err = c.sdk.CreateFunctionWithContext(ctx, &sdk.CreateFunctionRequest{Body: body}, headers(), options())
		return err
	})
	if err != nil {
		return nil, err
	}
	return convert[Function](resp.Body)
}

// UpdateFunction changes what in gives and leaves the rest. Tags are not
// part of it; see SetTags.
func (c *Client) UpdateFunction(ctx context.Context, name string, in *FunctionInput) (*Function, error) {
	body, err := convert[sdk.UpdateFunctionInput](in)
	if err != nil {
		return nil, err
	}
	var resp *sdk.UpdateFunctionResponse
	err = c.put(ctx, "update function "+name, func(ctx context.Context) (err error) {
		resp, err = c.sdk.UpdateFunctionWithContext(ctx, &name, &sdk.UpdateFunctionRequest{Body: body}, headers(), options())
		return err
	})
	if err != nil {
		return nil, err
	}
	return convert[Function](resp.Body)
}

// DeleteFunction deletes a function; one that is gone already is no error.
func (c *Client) DeleteFunction(ctx context.Context, name string) error {
	err := c.put(ctx, "delete function "+name, func(ctx context.Context) error {
		_, err := c.sdk.DeleteFunctionWithContext(ctx, &name, headers(), options())
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Settled waits until the server has finished the last change of a function.
func (c *Client) Settled(ctx context.Context, f *Function) (*Function, error) {
	pause := c.retry.first
	for f.settling() {
		if !sleep(ctx, pause) {
			return nil, &Error{Op: "wait for function " + f.Name(), Kind: ErrUnavailable, Message: "it is still being prepared: " + f.StateReason}
		}
		var err error
		if f, err = c.Function(ctx, f.Name(), ""); err != nil {
			return nil, err
		}
		pause = min(2*pause, time.Second)
	}
	return f, nil
}
