package api

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// Runtimes are the runtimes the API knows; a platform runs some of them.
var Runtimes = []string{
	"nodejs8", "nodejs10", "nodejs12", "nodejs14", "nodejs16", "nodejs18", "nodejs20",
	"python2.7", "python3", "python3.9", "python3.10", "python3.12",
	"java8", "java11", "php7.2", "dotnetcore2.1", "dotnetcore3.1", "go1",
	"custom", "custom.debian10", "custom.debian11", "custom.debian12", RuntimeContainer,
}

// RuntimeContainer is the runtime whose code is an image.
const RuntimeContainer = "custom-container"

// IsCustomRuntime tells whether functions of a runtime bring a web server of their own.
func IsCustomRuntime(runtime string) bool {
	return runtime == "custom" || runtime == RuntimeContainer || strings.HasPrefix(runtime, "custom.")
}

// Validate checks the input against the limits of the API. It answers the first
// field that breaks one, as *Error.
func (in *CreateFunctionInput) Validate() error {
	var c checks
	c.name("functionName", in.FunctionName)
	if in.Runtime == nil || *in.Runtime == "" {
		c.fail("runtime", "a runtime is required, one of %s", strings.Join(Runtimes, ", "))
	}
	if in.Handler == nil {
		c.fail("handler", "a handler is required, also where the runtime does not use it")
	}
	if c.err == nil {
		c.codeSource(in)
	}
	c.settings(&in.FunctionSettings)
	c.tags(in.Tags)
	return c.err
}

// codeSource checks that exactly one of code and image is given, the right one.
func (c *checks) codeSource(in *CreateFunctionInput) {
	container := *in.Runtime == RuntimeContainer
	switch {
	case in.Code != nil && in.CustomContainerConfig != nil && in.CustomContainerConfig.Image != "":
		c.fail("code", "code and customContainerConfig exclude each other")
	case container && (in.CustomContainerConfig == nil || in.CustomContainerConfig.Image == ""):
		c.fail("customContainerConfig.image", "runtime %s needs it", RuntimeContainer)
	case !container && in.CustomContainerConfig != nil && in.CustomContainerConfig.Image != "":
		c.fail("customContainerConfig", "only runtime %s takes it, not %s", RuntimeContainer, *in.Runtime)
	case !container && in.Code == nil:
		c.fail("code", "runtime %s needs it", *in.Runtime)
	}
}

// Validate checks the members that are given.
func (in *UpdateFunctionInput) Validate() error {
	var c checks
	if in.Code != nil && in.CustomContainerConfig != nil && in.CustomContainerConfig.Image != "" {
		c.fail("code", "code and customContainerConfig exclude each other")
	}
	c.settings(&in.FunctionSettings)
	return c.err
}

// settings checks every member by itself. What depends on two of them is checked
// on the whole function, after an update was applied: see ValidateResources.
func (c *checks) settings(s *FunctionSettings) {
	if s.Runtime != nil && !slices.Contains(Runtimes, *s.Runtime) {
		c.fail("runtime", "%q is unknown, one of %s is expected", *s.Runtime, strings.Join(Runtimes, ", "))
	}
	c.text("handler", s.Handler, 1, 128)
	c.text("description", s.Description, 0, 256)
	c.text("role", s.Role, 0, 300)
	c.code(s.Code)
	c.sizes(s)
	c.environment(s.EnvironmentVariables)
	c.layers(s.Layers)
	c.modes(s)
	c.customRuntime(s.CustomRuntimeConfig)
	c.customContainer(s.CustomContainerConfig)
	c.lifecycle(s.InstanceLifecycleConfig)
	c.surroundings(s)
}

func (c *checks) code(code *InputCodeLocation) {
	if code == nil {
		return
	}
	zip := code.ZipTaken || given(code.ZipFile)
	object := given(code.OSSBucketName) || given(code.OSSObjectName)
	switch {
	case !zip && !object:
		c.fail("code", "Either ossBucketName/ossObjectName or zipFile must be set")
	case zip && object:
		c.fail("code", "zipFile and ossBucketName/ossObjectName exclude each other")
	case object && !given(code.OSSBucketName):
		c.fail("code.ossBucketName", "it is required with ossObjectName")
	case object && !given(code.OSSObjectName):
		c.fail("code.ossObjectName", "it is required with ossBucketName")
	case object:
		c.length("code.ossBucketName", *code.OSSBucketName, 3, 63)
	case !code.ZipTaken:
		c.zipFile(*code.ZipFile)
	}
}

func (c *checks) zipFile(text string) {
	if base64.StdEncoding.DecodedLen(len(text)) > MaxZipFile+2 {
		c.fail("code.zipFile", "the package is larger than %d MiB", MaxZipFile>>20)
		return
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		c.fail("code.zipFile", "it is not base64: %v", err)
	}
}

func given(s *string) bool { return s != nil && *s != "" }

func (c *checks) sizes(s *FunctionSettings) {
	if s.CPU != nil {
		c.cpu(*s.CPU)
	}
	if m := s.MemorySize; m != nil && (*m < 128 || *m > 32768 || *m%64 != 0) {
		c.fail("memorySize", "%d is not a multiple of 64 between 128 and 32768", *m)
	}
	if d := s.DiskSize; d != nil && *d != 512 && *d != 10240 {
		c.fail("diskSize", "%d is neither 512 nor 10240", *d)
	}
	c.number("timeout", s.Timeout, 1, 86400)
	c.number("instanceConcurrency", s.InstanceConcurrency, 1, 200)
	c.number("idleTimeout", s.IdleTimeout, 0, 86400)
}

func (c *checks) cpu(v float64) {
	steps := v * 20
	if v < 0.0499 || v > 16.001 || math.IsNaN(v) || math.Abs(steps-math.Round(steps)) > 1e-3 {
		c.fail("cpu", "%v is not a multiple of 0.05 between 0.05 and 16", v)
	}
}

func (c *checks) environment(env map[string]string) {
	total := 0
	for key, value := range env {
		if !isEnvKey(key) {
			c.fail("environmentVariables", "key %q must begin with a letter and hold only letters, digits and _", key)
		}
		if strings.HasPrefix(key, "FC_") {
			c.fail("environmentVariables", "key %q: names that begin with FC_ are the platform's", key)
		}
		if strings.ContainsRune(value, 0) {
			c.fail("environmentVariables", "the value of %q holds a NUL character", key)
		}
		total += len(key) + len(value)
	}
	if total > 4096 {
		c.fail("environmentVariables", "%d bytes in all are more than 4096", total)
	}
}

func isEnvKey(key string) bool {
	for i := range len(key) {
		inner := '0' <= key[i] && key[i] <= '9' || key[i] == '_'
		if !isLetter(key[i]) && (i == 0 || !inner) {
			return false
		}
	}
	return key != ""
}

func (c *checks) layers(layers []string) {
	if len(layers) > 5 {
		c.fail("layers", "%d layers are more than 5", len(layers))
	}
	for _, arn := range layers {
		if arn == "" {
			c.fail("layers", "the ARN of a layer version is empty")
		}
	}
}

func (c *checks) modes(s *FunctionSettings) {
	if given(s.InstanceIsolationMode) {
		c.oneOf("instanceIsolationMode", *s.InstanceIsolationMode, "SHARE", "REQUEST_EXCLUSIVE", "SESSION_EXCLUSIVE")
	}
	if given(s.SessionAffinity) {
		c.oneOf("sessionAffinity", *s.SessionAffinity, "NONE", "HEADER_FIELD", "GENERATED_COOKIE", "MCP_SSE", "MCP_STREAMABLE")
	}
	if given(s.SessionAffinityConfig) && !isJSONObject(*s.SessionAffinityConfig) {
		c.fail("sessionAffinityConfig", "the text of a JSON object is expected")
	}
	if given(s.DisableInjectCredentials) {
		c.oneOf("disableInjectCredentials", *s.DisableInjectCredentials, "None", "Env", "Request", "All")
	}
}

func isJSONObject(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text))
}

func (c *checks) tags(tags []Tag) {
	if len(tags) > 20 {
		c.fail("tags", "%d tags are more than 20", len(tags))
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		lower := strings.ToLower(t.Key)
		c.length("tags.Key", t.Key, 1, 64)
		c.length("tags.Value", t.Value, 0, 128)
		switch {
		case seen[t.Key]:
			c.fail("tags", "key %q is given twice", t.Key)
		case strings.HasPrefix(lower, "aliyun"), strings.HasPrefix(lower, "acs:"):
			c.fail("tags.Key", "%q must not begin with aliyun or acs:", t.Key)
		case strings.Contains(lower, "http://"), strings.Contains(lower, "https://"):
			c.fail("tags.Key", "%q must not hold http:// or https://", t.Key)
		}
		seen[t.Key] = true
	}
}
