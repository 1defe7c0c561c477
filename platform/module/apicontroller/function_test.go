package apicontroller

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

func createInput(name string, zip []byte) *sdk.CreateFunctionInput {
	return &sdk.CreateFunctionInput{
		FunctionName: &name, Runtime: dara.String("custom"), Handler: dara.String("h"),
		Code: &sdk.InputCodeLocation{ZipFile: dara.String(base64.StdEncoding.EncodeToString(zip)), Checksum: dara.String(api.Checksum(zip))},
	}
}

// wantSDKError checks what the official client makes of an error answer.
func wantSDKError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var e *tea.SDKError
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want %d %s", err, err, status, code)
	}
	if dara.IntValue(e.StatusCode) != status || dara.StringValue(e.Code) != code {
		t.Errorf("got %d %s %s, want %d %s", dara.IntValue(e.StatusCode), dara.StringValue(e.Code), dara.StringValue(e.Message), status, code)
	}
}

func TestLifeOfAFunction(t *testing.T) {
	p := newPlatform(t)
	zip := archive(t, "bootstrap", "lib/a.py")
	in := createInput("hello", zip)
	in.EnvironmentVariables = map[string]*string{"A": dara.String("1")}
	in.Tags = []*sdk.Tag{{Key: dara.String("team"), Value: dara.String("x")}}
	in.CustomRuntimeConfig = &sdk.CustomRuntimeConfig{
		Command: []*string{dara.String("./bootstrap")}, Port: dara.Int32(8080),
		HealthCheckConfig: &sdk.CustomHealthCheckConfig{HttpGetUrl: dara.String("/ok"), PeriodSeconds: dara.Int32(5)},
	}
	in.InstanceLifecycleConfig = &sdk.InstanceLifecycleConfig{Initializer: &sdk.LifecycleHook{Handler: dara.String("init"), Timeout: dara.Int32(10)}}
	in.LogConfig = &sdk.LogConfig{Project: dara.String("p"), Logstore: dara.String("l")}

	created, err := p.client.CreateFunction(&sdk.CreateFunctionRequest{Body: in})
	if err != nil {
		t.Fatal(err)
	}
	f := created.Body
	if got := dara.StringValue(f.CodeChecksum); got != api.Checksum(zip) || dara.Int64Value(f.CodeSize) != int64(len(zip)) {
		t.Errorf("code %s, %d bytes", got, dara.Int64Value(f.CodeSize))
	}
	if got := dara.StringValue(f.FunctionArn); got != "acs:fc:test-1:"+account+":functions/hello" {
		t.Errorf("arn %s", got)
	}
	if dara.Int32Value(f.MemorySize) != 512 || dara.Float32Value(f.Cpu) != 0.35 || dara.Int32Value(f.Timeout) != 3 || dara.Int32Value(f.DiskSize) != 512 {
		t.Errorf("defaults: %v", f)
	}

	read, err := p.client.GetFunction(dara.String("hello"), &sdk.GetFunctionRequest{Qualifier: dara.String("LATEST")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := read.Body.String(), f.String(); got != want {
		t.Errorf("read\n%s\nbut created\n%s", got, want)
	}
	if c := read.Body.CustomRuntimeConfig; dara.Int32Value(c.Port) != 8080 || dara.StringValue(c.HealthCheckConfig.HttpGetUrl) != "/ok" {
		t.Errorf("custom runtime %v", c)
	}
	if dara.StringValue(read.Body.LogConfig.Project) != "p" || dara.Int32Value(read.Body.InstanceLifecycleConfig.Initializer.Timeout) != 10 {
		t.Errorf("kept %v", read.Body)
	}

	updated, err := p.client.UpdateFunction(dara.String("hello"), &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{
		Description: dara.String("new"), Timeout: dara.Int32(60), LogConfig: &sdk.LogConfig{Project: dara.String(""), Logstore: dara.String("")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := updated.Body
	if dara.StringValue(u.Description) != "new" || dara.Int32Value(u.Timeout) != 60 || dara.StringValue(u.EnvironmentVariables["A"]) != "1" {
		t.Errorf("updated %v", u)
	}
	if u.LogConfig != nil {
		t.Errorf("the log configuration was not cleared: %v", u.LogConfig)
	}
	if dara.StringValue(u.CodeChecksum) != api.Checksum(zip) {
		t.Error("the code went with an update that had none")
	}

	if _, err := p.client.DeleteFunction(dara.String("hello")); err != nil {
		t.Fatal(err)
	}
	_, err = p.client.GetFunction(dara.String("hello"), &sdk.GetFunctionRequest{})
	wantSDKError(t, err, 404, "FunctionNotFound")
	_, err = p.client.DeleteFunction(dara.String("hello"))
	wantSDKError(t, err, 404, "FunctionNotFound")
	_, err = p.client.UpdateFunction(dara.String("hello"), &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{}})
	wantSDKError(t, err, 404, "FunctionNotFound")
}

func TestFunctionsThatCannotBeMade(t *testing.T) {
	p := newPlatform(t)
	good := archive(t, "bootstrap")
	p.create("taken", "custom")
	tests := []struct {
		name    string
		change  func(*sdk.CreateFunctionInput)
		status  int
		code    string
		message string
	}{
		{"the name is taken", func(in *sdk.CreateFunctionInput) { in.FunctionName = dara.String("taken") }, 409, "FunctionAlreadyExists", "taken"},
		{"memory out of range", func(in *sdk.CreateFunctionInput) { in.MemorySize = dara.Int32(100) }, 400, "InvalidArgument", "memorySize: 100"},
		{"vCPU and memory apart", func(in *sdk.CreateFunctionInput) { in.Cpu, in.MemorySize = dara.Float32(4), dara.Int32(512) }, 400, "InvalidArgument", "cpu: 4 vCPU"},
		{"no interpreter anywhere", func(in *sdk.CreateFunctionInput) { in.Runtime = dara.String("nodejs20") }, 400, "InvalidArgument", "runtime: no node can run nodejs20"},
		{"an unknown runtime", func(in *sdk.CreateFunctionInput) { in.Runtime = dara.String("perl5") }, 400, "InvalidArgument", `runtime: "perl5"`},
		{"concurrency of a built-in runtime", func(in *sdk.CreateFunctionInput) {
			in.Runtime, in.InstanceConcurrency = dara.String("python3.10"), dara.Int32(2)
		}, 400, "InvalidArgument", "instanceConcurrency: 2"},
		{"no code", func(in *sdk.CreateFunctionInput) { in.Code = nil }, 400, "InvalidArgument", "code: "},
		{"an empty code", func(in *sdk.CreateFunctionInput) { in.Code = &sdk.InputCodeLocation{} }, 400, "InvalidArgument", "Either ossBucketName"},
		{"another checksum", func(in *sdk.CreateFunctionInput) { in.Code.Checksum = dara.String("1") }, 400, "InvalidArgument", "code.checksum: 1"},
		{"no archive", func(in *sdk.CreateFunctionInput) {
			in.Code = &sdk.InputCodeLocation{ZipFile: dara.String("aGVsbG8gd29ybGQ=")}
		}, 400, "InvalidArgument", "not a readable ZIP"},
		{"no base64", func(in *sdk.CreateFunctionInput) { in.Code = &sdk.InputCodeLocation{ZipFile: dara.String("a b")} }, 400, "InvalidArgument", "code.zipFile: it is not base64"},
		{"an archive that leaves its directory", func(in *sdk.CreateFunctionInput) {
			in.Code = &sdk.InputCodeLocation{ZipFile: dara.String(base64.StdEncoding.EncodeToString(archive(t, "../evil")))}
		}, 400, "InvalidArgument", `"../evil"`},
		{"an object that is not there", func(in *sdk.CreateFunctionInput) {
			in.Code = &sdk.InputCodeLocation{OssBucketName: dara.String("bucket"), OssObjectName: dara.String("a.zip")}
		}, 400, "InvalidArgument", `object "a.zip" does not exist`},
		{"a layer that is not there", func(in *sdk.CreateFunctionInput) {
			in.Layers = []*string{dara.String("acs:fc:test-1:1:layers/l/versions/1")}
		}, 404, "LayerVersionNotFound", "layers: "},
		{"an image where no node runs any", func(in *sdk.CreateFunctionInput) {
			in.Runtime, in.Code = dara.String("custom-container"), nil
			in.CustomContainerConfig = &sdk.CustomContainerConfig{Image: dara.String("i")}
		}, 400, "InvalidArgument", "no node can run custom-container"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := createInput("new", good)
			tt.change(in)
			_, err := p.client.CreateFunction(&sdk.CreateFunctionRequest{Body: in})
			wantSDKError(t, err, tt.status, tt.code)
			if !strings.Contains(err.Error(), tt.message) {
				t.Errorf("got %v, want %q in it", err, tt.message)
			}
			if _, err := p.store.Function(t.Context(), account, "new"); !errors.Is(err, fc.ErrNotFound) {
				t.Errorf("a function is there all the same: %v", err)
			}
		})
	}
}

func TestBodiesThatAreMalformed(t *testing.T) {
	p := newPlatform(t)
	for _, body := range []string{
		"", "{", "[]", "null", `"a"`, `{"functionName":1}`, `{"functionName":"a"}}`, `{"functionName":"a","code":{"zipFile":"`,
		`{"code":{"zipFile":"AAAA","zipFile":"AAAA"}}`, strings.Repeat("[", 100), `{"a":"` + strings.Repeat("x", 2<<20) + `"}`,
	} {
		status, h, answer := p.send("POST", "/2023-03-30/functions", body)
		code := "InvalidArgument"
		if len(body) > 1<<20 {
			code = "EntityTooLarge"
		}
		wantError(t, status, h, answer, 400, code)
	}
	p.create("f", "custom")
	for _, body := range []string{"{", "[]", `{"triggerName":{}}`} {
		status, h, answer := p.send("POST", "/2023-03-30/functions/f/triggers", body)
		wantError(t, status, h, answer, 400, "InvalidArgument")
	}
}

func TestUpdateClearsAndKeeps(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	update := func(body string) *fc.Function {
		t.Helper()
		status, _, answer := p.send("PUT", "/2023-03-30/functions/f", body)
		if status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		f, err := p.store.Function(t.Context(), account, "f")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := update(`{"environmentVariables":{"A":"1"},"description":"d","customRuntimeConfig":{"port":1},"vpcConfig":{"vpcId":"v","vSwitchIds":["s"]},
		"instanceLifecycleConfig":{"preStop":{"handler":"x"}},"nasConfig":{"userId":0,"mountPoints":[]}}`)
	if f.Env["A"] != "1" || f.Custom.Port != 1 || f.PreStop.Handler != "x" || f.Kept["vpcConfig"] == nil {
		t.Errorf("set: %+v", f)
	}
	f = update(`{"environmentVariables":null,"description":null,"customRuntimeConfig":null,"vpcConfig":null,"instanceLifecycleConfig":null,"layers":null}`)
	if f.Env["A"] != "1" || f.Custom.Port != 1 || f.PreStop.Handler != "x" || f.Kept["vpcConfig"] == nil || f.Description != "d" {
		t.Errorf("null changed something: %+v", f)
	}
	f = update(`{"environmentVariables":{},"description":"","customRuntimeConfig":{},"vpcConfig":{"vpcId":"","vSwitchIds":[],"securityGroupId":""},
		"instanceLifecycleConfig":{"preStop":{"handler":"","command":[]}},"layers":[]}`)
	if len(f.Env) != 0 || f.Custom != nil || f.PreStop != nil || f.Kept["vpcConfig"] != nil || f.Description != "" {
		t.Errorf("not cleared: %+v", f)
	}
	status, h, answer := p.send("PUT", "/2023-03-30/functions/f", `{"memorySize":32768}`)
	wantError(t, status, h, answer, 400, "InvalidArgument")
	status, h, answer = p.send("PUT", "/2023-03-30/functions/f", `{"code":{}}`)
	wantError(t, status, h, answer, 400, "InvalidArgument")
}

func TestUpdatesAtTheSameTimeAllTakeEffect(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	var wait sync.WaitGroup
	for _, body := range []string{`{"description":"d"}`, `{"timeout":77}`, `{"role":"r"}`, `{"idleTimeout":5}`, `{"diskSize":10240}`} {
		wait.Go(func() {
			if status, _, answer := p.send("PUT", "/2023-03-30/functions/f", body); status != 200 {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	wait.Wait()
	status, _, answer := p.send("GET", "/2023-03-30/functions/f", "")
	for _, want := range []string{`"description":"d"`, `"timeout":77`, `"role":"r"`, `"idleTimeout":5`, `"diskSize":10240`} {
		if status != 200 || !strings.Contains(string(answer), want) {
			t.Errorf("%s is lost in %s", want, answer)
		}
	}
}

func TestQualifiersThatAreNotThere(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	for _, path := range []string{"/2023-03-30/functions/f", "/2023-03-30/functions/f/code"} {
		for qualifier, code := range map[string]string{"1": "VersionNotFound", "prod": "AliasNotFound"} {
			status, h, answer := p.send("GET", path+"?qualifier="+qualifier, "")
			wantError(t, status, h, answer, 404, code)
		}
		if status, _, answer := p.send("GET", path+"?qualifier=", ""); status != 200 {
			t.Errorf("%d %s", status, answer)
		}
	}
}

func TestCodeComesBackAsItWent(t *testing.T) {
	p := newPlatform(t)
	zip := archive(t, "bootstrap")
	if _, err := p.client.CreateFunction(&sdk.CreateFunctionRequest{Body: createInput("f", zip)}); err != nil {
		t.Fatal(err)
	}
	out, err := p.client.GetFunctionCode(dara.String("f"), &sdk.GetFunctionCodeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	url := dara.StringValue(out.Body.Url)
	fetch := func(url string) (int, http.Header, []byte) {
		t.Helper()
		r, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.do(r)
	}
	status, _, body := fetch(url)
	if status != 200 || string(body) != string(zip) || dara.StringValue(out.Body.Checksum) != api.Checksum(zip) {
		t.Errorf("got %d, %d bytes", status, len(body))
	}
	for _, bad := range []string{strings.Replace(url, "Expires=", "Expires=9", 1), strings.Replace(url, "AccessKeyId="+keyID, "AccessKeyId=other", 1), url + "0",
		strings.Replace(url, ".zip", "", 1), p.server.URL + downloadPath} {
		status, h, body := fetch(bad)
		wantError(t, status, h, body, 403, "SignatureNotMatch")
	}
}

func TestDownloadURLsExpire(t *testing.T) {
	p := newPlatform(t)
	key, _ := p.view.AccessKey(keyID)
	url := p.server.URL + downloadPath + "ab.zip?AccessKeyId=" + keyID + "&Expires=1&Signature=" + downloadSignature(key, "ab", "1")
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, h, body := p.do(r)
	wantError(t, status, h, body, 403, "AccessDenied")
}

func TestCodeOutOfTheObjectStore(t *testing.T) {
	p := newPlatform(t)
	zip := archive(t, "bootstrap")
	if _, err := p.objects.Put(t.Context(), objectstore.UserKey(account, "bucket", "dir/a.zip"), strings.NewReader(string(zip))); err != nil {
		t.Fatal(err)
	}
	in := createInput("f", zip)
	in.Code = &sdk.InputCodeLocation{OssBucketName: dara.String("bucket"), OssObjectName: dara.String("dir/a.zip"), Checksum: dara.String(api.Checksum(zip))}
	out, err := p.client.CreateFunction(&sdk.CreateFunctionRequest{Body: in})
	if err != nil {
		t.Fatal(err)
	}
	if dara.StringValue(out.Body.CodeChecksum) != api.Checksum(zip) {
		t.Errorf("checksum %s", dara.StringValue(out.Body.CodeChecksum))
	}
	f, err := p.store.Function(t.Context(), account, "f")
	if err != nil {
		t.Fatal(err)
	}
	in2, _, err := p.objects.Get(t.Context(), f.Code.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer in2.Close()
	if got, err := io.ReadAll(in2); err != nil || string(got) != string(zip) {
		t.Errorf("stored %d bytes, %v", len(got), err)
	}
}

func TestListsAreStableWhileOthersChange(t *testing.T) {
	p := newPlatform(t)
	for i := range 7 {
		p.create(fmt.Sprintf("f%d", i), "custom")
	}
	p.create("other", "go1")
	list := func(req *sdk.ListFunctionsRequest) ([]string, *string) {
		t.Helper()
		out, err := p.client.ListFunctions(req)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range out.Body.Functions {
			names = append(names, dara.StringValue(f.FunctionName))
		}
		return names, out.Body.NextToken
	}
	first, next := list(&sdk.ListFunctionsRequest{Prefix: dara.String("f"), Limit: dara.Int32(3)})
	if fmt.Sprint(first) != "[f0 f1 f2]" || next == nil {
		t.Fatalf("first page %v, %v", first, next)
	}
	for _, gone := range []string{"f2", "f4"} {
		if _, err := p.client.DeleteFunction(dara.String(gone)); err != nil {
			t.Fatal(err)
		}
	}
	p.create("f10", "custom")
	second, next := list(&sdk.ListFunctionsRequest{Prefix: dara.String("f"), Limit: dara.Int32(3), NextToken: next})
	if fmt.Sprint(second) != "[f3 f5 f6]" || next != nil {
		t.Errorf("second page %v, %v", second, dara.StringValue(next))
	}
	if got, _ := list(&sdk.ListFunctionsRequest{Runtime: dara.String("go1"), Limit: dara.Int32(1)}); fmt.Sprint(got) != "[other]" {
		t.Errorf("by runtime: %v", got)
	}
	if got, next := list(&sdk.ListFunctionsRequest{FunctionName: dara.String("f1"), Limit: dara.Int32(1)}); fmt.Sprint(got) != "[f1]" || next == nil {
		t.Errorf("by name: %v %v", got, next)
	}
	if got, _ := list(&sdk.ListFunctionsRequest{FcVersion: dara.String("v2")}); got != nil {
		t.Errorf("of the generation before: %v", got)
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "nextToken=!", "fcVersion=v9", "tags=x"} {
		status, h, answer := p.send("GET", "/2023-03-30/functions?"+query, "")
		wantError(t, status, h, answer, 400, "InvalidArgument")
	}
}

func TestListByTag(t *testing.T) {
	p := newPlatform(t)
	for _, name := range []string{"a", "b"} {
		in := createInput(name, archive(t, "x"))
		in.Tags = []*sdk.Tag{{Key: dara.String("k"), Value: dara.String(name)}}
		if _, err := p.client.CreateFunction(&sdk.CreateFunctionRequest{Body: in}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := p.client.ListFunctions(&sdk.ListFunctionsRequest{Tags: []*sdk.Tag{{Key: dara.String("k"), Value: dara.String("b")}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Body.Functions) != 1 || dara.StringValue(out.Body.Functions[0].FunctionName) != "b" {
		t.Errorf("got %v", out.Body.Functions)
	}
	if out.Body.Functions[0].State != nil {
		t.Error("a list shows the state")
	}
}

func TestAccountsDoNotSeeEachOther(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	other := p.newClient("other", "other secret")
	_, err := other.GetFunction(dara.String("f"), &sdk.GetFunctionRequest{})
	wantSDKError(t, err, 404, "FunctionNotFound")
	out, err := other.ListFunctions(&sdk.ListFunctionsRequest{})
	if err != nil || len(out.Body.Functions) != 0 {
		t.Errorf("%v, %v", out, err)
	}
}
