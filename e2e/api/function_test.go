package api

import (
	"encoding/base64"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// script is the smallest function there is; most tests never call it.
func script(text string) *sdk.CreateFunctionInput {
	zip := harness.Zip(map[string][]byte{"bootstrap": []byte("#!/bin/sh\n# " + text + "\nexec sleep 1\n")})
	return &sdk.CreateFunctionInput{
		Runtime: new("custom.debian12"), Handler: new("index.handler"), Code: &sdk.InputCodeLocation{ZipFile: &zip},
	}
}

// checksum is the API's: CRC-64/ECMA of the package, in decimal.
func checksum(t *testing.T, zip string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(zip)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(crc64.Checksum(raw, crc64.MakeTable(crc64.ECMA)), 10)
}

func TestAFunctionComesBackAsItWasCreated(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	in := script("one")
	in.Description, in.Timeout, in.MemorySize, in.Cpu = new("says hello"), new(int32(42)), new(int32(1024)), new(float32(0.75))
	in.DiskSize, in.InstanceConcurrency = new(int32(512)), new(int32(7))
	in.EnvironmentVariables = map[string]*string{"STAGE": new("test"), "EMPTY": new("")}
	in.CustomRuntimeConfig = &sdk.CustomRuntimeConfig{Command: []*string{new("./bootstrap")}, Port: new(int32(8000))}
	in.InstanceLifecycleConfig = &sdk.InstanceLifecycleConfig{Initializer: &sdk.LifecycleHook{Handler: new("index.init"), Timeout: new(int32(9))}}
	in.Code.Checksum = new(checksum(t, *in.Code.ZipFile))
	name := harness.Create(t, p, in)

	for _, qualifier := range []*string{nil, new("LATEST"), new("")} {
		out, err := c.GetFunction(&name, &sdk.GetFunctionRequest{Qualifier: qualifier})
		if err != nil {
			t.Fatal(err)
		}
		f := out.Body
		for _, same := range []struct {
			field     string
			got, want any
		}{
			{"functionName", *f.FunctionName, name},
			{"runtime", *f.Runtime, "custom.debian12"},
			{"handler", *f.Handler, "index.handler"},
			{"description", *f.Description, "says hello"},
			{"timeout", *f.Timeout, int32(42)},
			{"memorySize", *f.MemorySize, int32(1024)},
			{"cpu", *f.Cpu, float32(0.75)},
			{"diskSize", *f.DiskSize, int32(512)},
			{"instanceConcurrency", *f.InstanceConcurrency, int32(7)},
			{"environmentVariables", *f.EnvironmentVariables["STAGE"], "test"},
			{"customRuntimeConfig.port", *f.CustomRuntimeConfig.Port, int32(8000)},
			{"customRuntimeConfig.command", *f.CustomRuntimeConfig.Command[0], "./bootstrap"},
			{"initializer.timeout", *f.InstanceLifecycleConfig.Initializer.Timeout, int32(9)},
			{"codeChecksum", *f.CodeChecksum, checksum(t, *in.Code.ZipFile)},
			{"state", *f.State, "Active"},
			{"lastUpdateStatus", *f.LastUpdateStatus, "Successful"},
		} {
			if same.got != same.want {
				t.Errorf("%s is %v, want %v", same.field, same.got, same.want)
			}
		}
		if *f.FunctionId == "" || *f.CreatedTime == "" || !strings.HasSuffix(*f.FunctionArn, "functions/"+name) || *f.CodeSize == 0 {
			t.Errorf("id %q, created %q, arn %q, size %d", *f.FunctionId, *f.CreatedTime, *f.FunctionArn, *f.CodeSize)
		}
	}
}

func TestAFunctionGetsTheDefaults(t *testing.T) {
	p := harness.Shared(t)
	name := harness.Create(t, p, script("defaults"))
	out, err := harness.SDK(t, p).GetFunction(&name, &sdk.GetFunctionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	f := out.Body
	if *f.Timeout != 3 || *f.MemorySize != 512 || *f.Cpu != 0.35 || *f.DiskSize != 512 || *f.InstanceConcurrency != 1 {
		t.Errorf("timeout %d, memory %d, cpu %v, disk %d, concurrency %d", *f.Timeout, *f.MemorySize, *f.Cpu, *f.DiskSize, *f.InstanceConcurrency)
	}
}

func TestTheCodeComesBackByteForByte(t *testing.T) {
	p := harness.Shared(t)
	in := script("code")
	name := harness.Create(t, p, in)
	out, err := harness.SDK(t, p).GetFunctionCode(&name, &sdk.GetFunctionCodeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Body.Checksum != checksum(t, *in.Code.ZipFile) {
		t.Errorf("checksum is %s", *out.Body.Checksum)
	}
	resp, err := http.Get(*out.Body.Url) // as any downloader would: the URL carries what it needs
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	code, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(code); resp.StatusCode != http.StatusOK || got != *in.Code.ZipFile {
		t.Errorf("status %d, %d bytes that differ from what was sent", resp.StatusCode, len(code))
	}
}

func TestAnUpdateChangesWhatItNamesAndNothingElse(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	in := script("before")
	in.Description, in.EnvironmentVariables = new("before"), map[string]*string{"A": new("1")}
	name := harness.Create(t, p, in)
	code := script("after").Code
	out, err := c.UpdateFunction(&name, &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{Timeout: new(int32(77)), Code: code}})
	if err != nil {
		t.Fatal(err)
	}
	f := out.Body
	if *f.Timeout != 77 || *f.Description != "before" || *f.EnvironmentVariables["A"] != "1" || *f.CodeChecksum != checksum(t, *code.ZipFile) {
		t.Errorf("timeout %d, description %q, environment %v, checksum %s", *f.Timeout, *f.Description, f.EnvironmentVariables, *f.CodeChecksum)
	}
	if _, err = c.UpdateFunction(&name, &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{
		Description: new(""), EnvironmentVariables: map[string]*string{},
	}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetFunction(&name, &sdk.GetFunctionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if f := got.Body; *f.Timeout != 77 || (f.Description != nil && *f.Description != "") || len(f.EnvironmentVariables) != 0 {
		t.Errorf("what was cleared is %v and %v, timeout %d", f.Description, f.EnvironmentVariables, *f.Timeout)
	}
}

func TestADeletedFunctionIsGone(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	name := harness.Create(t, p, script("gone"))
	if _, err := c.DeleteFunction(&name); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"get":  func() error { _, err := c.GetFunction(&name, &sdk.GetFunctionRequest{}); return err },
		"code": func() error { _, err := c.GetFunctionCode(&name, &sdk.GetFunctionCodeRequest{}); return err },
		"update": func() error {
			_, err := c.UpdateFunction(&name, &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{}})
			return err
		},
		"delete": func() error { _, err := c.DeleteFunction(&name); return err },
		"invoke": func() error { _, err := c.InvokeFunction(&name, &sdk.InvokeFunctionRequest{}); return err },
		"enable": func() error { _, err := c.EnableFunctionInvocation(&name); return err },
		"trigger": func() error {
			_, err := c.ListTriggers(&name, &sdk.ListTriggersRequest{})
			return err
		},
	} {
		if got := harness.ErrorOf(call()); got.Status != 404 || got.Code != "FunctionNotFound" {
			t.Errorf("%s answers %+v", what, got)
		}
	}
}

func TestADisabledFunctionRefusesCalls(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	name := harness.Create(t, p, harness.Probe(t))
	out, err := c.DisableFunctionInvocation(&name, &sdk.DisableFunctionInvocationRequest{Reason: new("under repair")})
	if err != nil {
		t.Fatal(err)
	}
	if !*out.Body.Success {
		t.Error("disable answers no success")
	}
	if a := harness.Invoke(t, p, name, "hi", nil); a.Status != 403 || !strings.Contains(a.Error.Message, "under repair") {
		t.Errorf("the call of a disabled function answers %+v", a)
	}
	got, err := c.GetFunction(&name, &sdk.GetFunctionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if r := got.Body.InvocationRestriction; r == nil || !*r.Disable || *r.Reason != "under repair" {
		t.Errorf("restriction is %v", r)
	}
	if _, err := c.EnableFunctionInvocation(&name); err != nil {
		t.Fatal(err)
	}
	if a := harness.Invoke(t, p, name, "hi", nil); a.Status != 200 || a.Body != "hi" {
		t.Errorf("the call of an enabled function answers %+v", a)
	}
}
