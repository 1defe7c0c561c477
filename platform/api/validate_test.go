package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const goodFunction = `{"functionName":"f","runtime":"custom","handler":"h","code":{"zipFile":"UEsFBg=="},
	"environmentVariables":null,"layers":null,"tags":null,"description":null,"timeout":null,"newMember":{"a":1}}`

// with puts members over those of a good input; a member "" removes it.
func with(t *testing.T, members string) []byte {
	t.Helper()
	all := map[string]json.RawMessage{}
	for _, text := range []string{goodFunction, "{" + members + "}"} {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func createError(t *testing.T, members string) error {
	t.Helper()
	var in CreateFunctionInput
	if err := Decode(with(t, members), &in); err != nil {
		return err
	}
	return in.Validate()
}

func TestCreateFunctionTakesNullForAbsent(t *testing.T) {
	var in CreateFunctionInput
	if err := Decode([]byte(goodFunction), &in); err != nil {
		t.Fatal(err)
	}
	if err := in.Validate(); err != nil {
		t.Fatal(err)
	}
	if in.EnvironmentVariables != nil || in.Layers != nil || in.Description != nil || in.Timeout != nil {
		t.Errorf("null became a value: %+v", in)
	}
	in.Defaults()
	if *in.MemorySize != 512 || *in.CPU != 0.35 || *in.DiskSize != 512 || *in.Timeout != 3 || *in.InstanceConcurrency != 1 || !*in.InternetAccess {
		t.Errorf("defaults: memory %d, cpu %v", *in.MemorySize, *in.CPU)
	}
}

func TestCreateFunctionNamesTheFieldThatIsWrong(t *testing.T) {
	tests := []struct{ members, message string }{
		{`"functionName":null`, "functionName: "},
		{`"functionName":"1a"`, "functionName: "},
		{`"functionName":"-a"`, "functionName: "},
		{`"functionName":"a b"`, "functionName: "},
		{`"functionName":"a/b"`, "functionName: "},
		{`"functionName":"` + strings.Repeat("a", 129) + `"`, "functionName: 129 characters"},
		{`"runtime":null`, "runtime: a runtime is required"},
		{`"runtime":"cobol"`, `runtime: "cobol" is unknown`},
		{`"handler":null`, "handler: "},
		{`"handler":""`, "handler: 0 characters"},
		{`"handler":"` + strings.Repeat("a", 129) + `"`, "handler: "},
		{`"description":"` + strings.Repeat("é", 257) + `"`, "description: 257 characters"},
		{`"code":null`, "code: "},
		{`"code":{}`, "Either ossBucketName/ossObjectName or zipFile must be set"},
		{`"code":{"zipFile":""}`, "Either ossBucketName/ossObjectName or zipFile must be set"},
		{`"code":{"zipFile":"?"}`, "code.zipFile: "},
		{`"code":{"ossBucketName":"bucket"}`, "code.ossObjectName: "},
		{`"code":{"ossObjectName":"o"}`, "code.ossBucketName: "},
		{`"code":{"ossBucketName":"ab","ossObjectName":"o"}`, "code.ossBucketName: 2 characters"},
		{`"code":{"zipFile":"AAAA","ossBucketName":"abc","ossObjectName":"o"}`, "exclude each other"},
		{`"customContainerConfig":{"image":"i"}`, "exclude each other"},
		{`"runtime":"custom-container"`, "customContainerConfig.image: "},
		{`"code":null,"runtime":"custom-container","customContainerConfig":{}`, "customContainerConfig.image: "},
		{`"code":null,"customContainerConfig":{"image":"i"}`, "customContainerConfig: only runtime custom-container"},
		{`"memorySize":100`, "memorySize: 100 is not a multiple of 64 between 128 and 32768"},
		{`"memorySize":130`, "memorySize: 130"},
		{`"memorySize":32832`, "memorySize: "},
		{`"memorySize":"512"`, "memorySize: a whole number is expected, not a JSON string"},
		{`"memorySize":512.5`, "memorySize: "},
		{`"cpu":0.07`, "cpu: 0.07 is not a multiple of 0.05 between 0.05 and 16"},
		{`"cpu":0`, "cpu: "},
		{`"cpu":16.05`, "cpu: "},
		{`"diskSize":1024`, "diskSize: 1024 is neither 512 nor 10240"},
		{`"timeout":0`, "timeout: 0 is not between 1 and 86400"},
		{`"timeout":86401`, "timeout: "},
		{`"instanceConcurrency":0`, "instanceConcurrency: "},
		{`"instanceConcurrency":201`, "instanceConcurrency: 201 is not between 1 and 200"},
		{`"environmentVariables":{"1A":""}`, `key "1A"`},
		{`"environmentVariables":{"":""}`, `key ""`},
		{`"environmentVariables":{"_A":""}`, `key "_A"`},
		{`"environmentVariables":{"A-B":""}`, `key "A-B"`},
		{`"environmentVariables":{"FC_X":""}`, "platform's"},
		{`"environmentVariables":{"A":"\u0000"}`, "NUL"},
		{`"environmentVariables":{"A":"` + strings.Repeat("x", 4096) + `"}`, "4097 bytes in all are more than 4096"},
		{`"environmentVariables":{"A":1}`, "environmentVariables"},
		{`"layers":["a","b","c","d","e","f"]`, "layers: 6"},
		{`"role":"` + strings.Repeat("r", 301) + `"`, "role: "},
		{`"customRuntimeConfig":{"port":65536}`, "customRuntimeConfig.port: 65536"},
		{`"customRuntimeConfig":{"healthCheckConfig":{"timeoutSeconds":4}}`, "customRuntimeConfig.healthCheckConfig.timeoutSeconds: 4"},
		{`"customRuntimeConfig":{"healthCheckConfig":{"periodSeconds":121}}`, "periodSeconds: "},
		{`"instanceLifecycleConfig":{"initializer":{"timeout":301}}`, "instanceLifecycleConfig.initializer.timeout: 301 is not between 0 and 300"},
		{`"instanceLifecycleConfig":{"preStop":{"timeout":91}}`, "instanceLifecycleConfig.preStop.timeout: "},
		{`"instanceLifecycleConfig":{"preStop":{"handler":"a","command":["b"]}}`, "instanceLifecycleConfig.preStop: "},
		{`"gpuConfig":{"gpuMemorySize":1000}`, "gpuConfig.gpuMemorySize: "},
		{`"logConfig":{"logBeginRule":"X"}`, "logConfig.logBeginRule: "},
		{`"logConfig":{"project":"` + strings.Repeat("p", 64) + `"}`, "logConfig.project: "},
		{`"nasConfig":{"mountPoints":[{},{},{},{},{},{}]}`, "nasConfig.mountPoints: 6 mounts are more than 5"},
		{`"ossMountConfig":{"mountPoints":[{"bucketName":"ab","mountDir":"/m"}]}`, "ossMountConfig.mountPoints[0].bucketName: "},
		{`"vpcConfig":{"vSwitchIds":["1","2","3","4","5","6","7","8","9","10","11"]}`, "vpcConfig.vSwitchIds: "},
		{`"tracingConfig":{"type":"Zipkin"}`, "tracingConfig.type: "},
		{`"instanceIsolationMode":"X"`, "instanceIsolationMode: "},
		{`"sessionAffinity":"X"`, "sessionAffinity: "},
		{`"sessionAffinityConfig":"{"`, "sessionAffinityConfig: "},
		{`"disableInjectCredentials":"X"`, "disableInjectCredentials: "},
		{`"tags":[{"Key":"a"},{"key":"a","value":"b"}]`, `key "a" is given twice`},
		{`"tags":[{"Key":"acs:x"}]`, "tags.Key"},
		{`"tags":[{"Key":""}]`, "tags.Key"},
		{`"runtime":{"a":1}`, "runtime: text is expected, not a JSON object"},
		{`"internetAccess":"yes"`, "internetAccess: true or false is expected"},
	}
	for _, tt := range tests {
		name := tt.members
		if len(name) > 60 {
			name = name[:60]
		}
		t.Run(name, func(t *testing.T) {
			err := createError(t, tt.members)
			wantCode(t, err, CodeInvalidArgument)
			if !strings.Contains(err.Error(), tt.message) {
				t.Errorf("got %v, want %q in it", err, tt.message)
			}
		})
	}
}

func TestCreateFunctionTakesWhatIsAtTheLimits(t *testing.T) {
	for _, members := range []string{
		`"functionName":"_"`, `"functionName":"` + strings.Repeat("a", 128) + `"`,
		`"memorySize":128`, `"memorySize":32768`, `"cpu":0.05`, `"cpu":16`, `"cpu":0.3499999940395355`,
		`"timeout":86400`, `"instanceConcurrency":200`, `"diskSize":10240`,
		`"environmentVariables":{"A":"` + strings.Repeat("x", 4095) + `"}`,
		`"vpcConfig":{"vpcId":"","vSwitchIds":[],"securityGroupId":""}`,
		`"code":null,"runtime":"custom-container","customContainerConfig":{"image":"i"}`,
		`"customContainerConfig":{}`,
		`"code":{"ossBucketName":"abc","ossObjectName":"o"}`,
	} {
		if err := createError(t, members); err != nil {
			t.Errorf("%s: %v", members[:min(len(members), 60)], err)
		}
	}
}

func TestZipFileOverTheLimit(t *testing.T) {
	text := strings.Repeat("A", (MaxZipFile+3)/3*4+4)
	var c checks
	c.code(&InputCodeLocation{ZipFile: &text})
	wantCode(t, c.err, CodeInvalidArgument)
	if !strings.Contains(c.err.Error(), "code.zipFile: the package is larger than 100 MiB") {
		t.Error(c.err)
	}
}

func TestSizesFollowEachOther(t *testing.T) {
	for memory := 128; memory <= 32768; memory += 64 {
		cpu := DefaultCPU(memory)
		if err := ValidateResources("custom", cpu, memory, 1); err != nil {
			t.Fatalf("%d MB: %v", memory, err)
		}
		var c checks
		if c.cpu(cpu); c.err != nil {
			t.Fatalf("%d MB: %v", memory, c.err)
		}
	}
	for step := 1; step <= 320; step++ {
		cpu := float64(step) / 20
		if err := ValidateResources("custom", cpu, DefaultMemory(cpu), 1); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, ValidateResources("custom", 2, 512, 1), CodeInvalidArgument)
	wantCode(t, ValidateResources("custom", 0.1, 512, 1), CodeInvalidArgument)
	wantCode(t, ValidateResources("python3.10", 0.5, 512, 2), CodeInvalidArgument)
}

func TestUpdateTellsAbsentFromEmpty(t *testing.T) {
	var in UpdateFunctionInput
	body := `{"description":"","environmentVariables":{},"layers":[],"handler":null,"logConfig":null}`
	if err := Decode([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	if in.Description == nil || in.EnvironmentVariables == nil || in.Layers == nil {
		t.Error("an empty member was taken for absent")
	}
	if in.Handler != nil || in.LogConfig != nil {
		t.Error("null was taken for a value")
	}
	if err := in.Validate(); err != nil {
		t.Error(err)
	}
}

func TestDecodeRefusesWhatIsNotOneObject(t *testing.T) {
	for _, body := range []string{"", "null", "[]", `"a"`, "{", `{"a":1}}`, `{"a":1} x`, "{'a':1}", "\x00"} {
		var in CreateFunctionInput
		wantCode(t, Decode([]byte(body), &in), CodeInvalidArgument)
	}
}

func TestListLimit(t *testing.T) {
	for text, want := range map[string]int{"": 20, "1": 1, "100": 100} {
		if n, err := ValidLimit(text); err != nil || n != want {
			t.Errorf("limit %q: %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"0", "101", "-1", "x", "1.5", "99999999999999999999"} {
		_, err := ValidLimit(text)
		wantCode(t, err, CodeInvalidArgument)
	}
}

func TestTriggerInputs(t *testing.T) {
	for _, body := range []string{
		`{"triggerType":"http","triggerConfig":"{}"}`,
		`{"triggerName":"t","triggerConfig":"{}"}`,
		`{"triggerName":"t","triggerType":"pigeon","triggerConfig":"{}"}`,
		`{"triggerName":"t","triggerType":"http"}`,
		`{"triggerName":"t","triggerType":"http","triggerConfig":{}}`,
	} {
		var in CreateTriggerInput
		err := Decode([]byte(body), &in)
		if err == nil {
			err = in.Validate()
		}
		wantCode(t, err, CodeInvalidArgument)
	}
}

func TestHTTPTriggerConfig(t *testing.T) {
	cfg, err := ParseHTTPTriggerConfig(`{}`)
	if err != nil || cfg.AuthType != AuthFunction || len(cfg.Methods) != len(HTTPMethods) {
		t.Errorf("defaults: %+v, %v", cfg, err)
	}
	cfg, err = ParseHTTPTriggerConfig(`{"authType":"anonymous","methods":["GET"],"disableURLInternet":true,"corsConfig":{"allowOrigins":["*"],"maxAge":5}}`)
	if err != nil || cfg.AuthType != AuthAnonymous || !cfg.DisableURLInternet || cfg.CORSConfig.MaxAge != 5 {
		t.Errorf("got %+v, %v", cfg, err)
	}
	for _, text := range []string{
		"", "[]", "null", "{", `{"authType":"x"}`, `{"methods":["get"]}`, `{"methods":"GET"}`, `{"methods":["TRACE"]}`,
		`{"corsConfig":{"allowOrigins":["*"],"allowCredentials":true}}`, `{"corsConfig":{"allowOrigins":["a\nb"]}}`,
	} {
		_, err := ParseHTTPTriggerConfig(text)
		wantCode(t, err, CodeInvalidArgument)
	}
}

func TestErrorBodyHasBothSpellings(t *testing.T) {
	e := Errorf(CodeFunctionNotFound, "function %q does not exist", "f")
	e.RequestID = "1-2"
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"RequestId":"1-2","Code":"FunctionNotFound","Message":"function \"f\" does not exist","ErrorCode":"FunctionNotFound","ErrorMessage":"function \"f\" does not exist"}`
	if string(body) != want || e.Status != 404 {
		t.Errorf("got %d %s", e.Status, body)
	}
	if back := ParseError(404, body); *back != *e {
		t.Errorf("read back %+v", back)
	}
	if got := ParseError(502, []byte("<html>")); got.Code != CodeBadResponse || got.Status != 502 {
		t.Errorf("of another body: %+v", got)
	}
}

func TestChecksumIsDecimalCRC64(t *testing.T) {
	// The check value of CRC-64/XZ, which is what the API calls CRC-64 (ECMA).
	if got, want := Checksum([]byte("123456789")), fmt.Sprint(uint64(0x995dc9bbdf1939fa)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
