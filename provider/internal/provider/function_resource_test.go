package provider_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/api"
)

// function is a valid configuration with its own package, changed by more; a
// value of nil takes an attribute away.
func function(t *testing.T, more object) object {
	t.Helper()
	config := object{"function_name": "hello", "runtime": "python3.10", "handler": "index.handler"}
	if _, ok := more["package_dir"]; !ok {
		config["package_dir"] = codeDir(t, "def handler(event, context): return b'1'")
	}
	maps.Copy(config, more)
	return config
}

func codeDir(t *testing.T, code string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "index.py"), code)
	return dir
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFunctionConfigurationIsValidated(t *testing.T) {
	s := newServer(t)
	custom := func(more object) object {
		config := object{"runtime": "custom.debian12"}
		maps.Copy(config, more)
		return config
	}
	for _, c := range []struct {
		name      string
		config    object
		attribute string
		mention   string
	}{
		{"a name that begins with a digit", object{"function_name": "1st"}, "function_name", "begin with a letter"},
		{"an unknown runtime", object{"runtime": "cobol"}, "runtime", `"cobol"`},
		{"a container, which has no package", object{"runtime": "custom-container"}, "runtime", "custom-container"},
		{"memory out of range", object{"memory_size": 64}, "memory_size", "between 128 and 32768"},
		{"memory between two steps", object{"memory_size": 500}, "memory_size", "multiple of 64"},
		{"a timeout of nothing", object{"timeout": 0}, "timeout", "between 1 and 86400"},
		{"a timeout of two days", object{"timeout": 172800}, "timeout", "between 1 and 86400"},
		{"vCPUs between two steps", object{"cpu": 0.33}, "cpu", "multiple of 0.05"},
		{"vCPUs that the memory does not fit", object{"cpu": 4.0, "memory_size": 512}, "cpu", "1 to 4 GB"},
		{"a disk of another size", object{"disk_size": 1024}, "disk_size", "10240"},
		{"concurrency over the limit", custom(object{"instance_concurrency": 201}), "instance_concurrency", "between 1 and 200"},
		{"concurrency in a built-in runtime", object{"instance_concurrency": 2}, "instance_concurrency", "custom runtime"},
		{"a start command for a built-in runtime", object{"custom_runtime_config": object{"port": 9000}}, "custom_runtime_config", "python3.10"},
		{"a reserved variable", object{"environment_variables": object{"FC_REGION": "x"}}, `environment_variables.FC_REGION`, "FC_"},
		{"a variable that is no name", object{"environment_variables": object{"9x": "x"}}, `environment_variables.9x`, "letter"},
		{"too large an environment", object{"environment_variables": object{"A": strings.Repeat("x", 5000)}}, "environment_variables", "4096"},
		{"no code", object{"package_dir": nil}, "package_dir", "package_file"},
		{"two sources of code", object{"package_file": "x.zip"}, "package_file", "package_dir and package_file"},
		{"a directory and a block", object{"code": object{"zip_file": "UEs="}}, "code.zip_file", "package_dir"},
		{"a bucket without an object", object{"package_dir": nil, "code": object{"oss_bucket_name": "bucket"}}, "", "oss_object_name"},
		{"a checksum that is no number", object{"package_dir": nil, "code": object{"oss_bucket_name": "bucket", "oss_object_name": "o", "checksum": "abc"}}, "code.checksum", "decimal"},
		{"a port out of range", custom(object{"custom_runtime_config": object{"port": 70000}}), "custom_runtime_config.port", "65535"},
		{"a hook with two targets", object{"instance_lifecycle_config": object{"initializer": object{"handler": "a.b", "command": []any{"x"}}}}, "instance_lifecycle_config.initializer.handler", "command"},
		{"a session configuration that is no JSON", object{"session_affinity_config": "{"}, "session_affinity_config", "JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.t = t
			diags := s.validate("fc_function", function(t, c.config))
			if c.attribute == "" {
				if !strings.Contains(list(diags), c.mention) {
					t.Errorf("no error mentions %q: %s", c.mention, list(diags))
				}
				return
			}
			wantError(t, diags, c.attribute, c.mention)
		})
	}
}

func TestValidFunctionConfigurationsPass(t *testing.T) {
	s := newServer(t)
	for name, more := range map[string]object{
		"the least":                      {},
		"a fraction of a vCPU":           {"cpu": 0.35, "memory_size": 512},
		"sixteen vCPUs":                  {"cpu": 16.0, "memory_size": 32768},
		"a custom runtime":               {"runtime": "custom", "instance_concurrency": 200, "custom_runtime_config": object{"command": []any{"./main"}}},
		"an object in the store":         {"package_dir": nil, "code": object{"oss_bucket_name": "bucket", "oss_object_name": "o.zip"}},
		"a source that is not known yet": {"package_dir": unknown},
		"a block that is not known yet":  {"package_dir": nil, "code": unknown},
		"a runtime that is not known":    {"runtime": unknown, "instance_concurrency": 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			s.must(s.validate("fc_function", function(t, more)))
		})
	}
}

func TestChecksumIsPlanned(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	config := function(t, object{})
	first := s.plan(s.fresh("fc_function"), config)
	s.must(first.Diagnostics)
	planned := text(t, s.decode("fc_function", first.PlannedState), "code_checksum")
	if strings.Trim(planned, "0123456789") != "" {
		t.Fatalf("the planned checksum is %s, want a decimal number", planned)
	}
	there, diags := s.apply(first)
	s.must(diags)
	if got := text(t, s.values(there), "code_checksum"); got != planned {
		t.Errorf("the state has the checksum %s, planned was %s", got, planned)
	}
	t.Run("the same code gives an empty plan", func(t *testing.T) {
		s.wantEmpty(t, there, config)
	})
	t.Run("the same code in another place is nothing for the server", func(t *testing.T) {
		moved := maps.Clone(config)
		moved["package_dir"] = codeDir(t, "def handler(event, context): return b'1'")
		p := s.plan(there, moved)
		s.must(p.Diagnostics)
		for name, value := range s.decode("fc_function", p.PlannedState) {
			if !value.IsFullyKnown() {
				t.Errorf("%s is planned as unknown", name)
			}
		}
		asked := len(fake.requests)
		after, diags := s.apply(p)
		s.must(diags)
		if len(fake.requests) != asked {
			t.Error("the server was asked to change something")
		}
		s.wantEmpty(t, after, moved)
	})
	t.Run("other code gives another checksum and is sent", func(t *testing.T) {
		writeFile(t, filepath.Join(config["package_dir"].(string), "index.py"), "def handler(event, context): return b'2'")
		p := s.plan(there, config)
		s.must(p.Diagnostics)
		values := s.decode("fc_function", p.PlannedState)
		if got := text(t, values, "code_checksum"); got == planned {
			t.Error("the checksum is the old one")
		}
		if got := text(t, values, "last_modified_time"); got != "<unknown>" {
			t.Errorf("last_modified_time is planned as %s", got)
		}
		after, diags := s.apply(p)
		s.must(diags)
		if fake.last(t, http.MethodPut).body["code"] == nil {
			t.Error("no code was sent")
		}
		s.wantEmpty(t, after, config)
	})
}

// wantEmpty wants a plan that changes nothing after a refresh.
func (s *server) wantEmpty(t *testing.T, i instance, config object) {
	t.Helper()
	i, diags := s.refresh(i)
	s.must(diags)
	p := s.plan(i, config)
	s.must(p.Diagnostics)
	was, planned := s.values(i), s.decode(i.resource, p.PlannedState)
	for name := range was {
		if !was[name].Equal(planned[name]) {
			t.Errorf("%s changes from %s to %s", name, was[name], planned[name])
		}
	}
}

func TestMissingPackageIsAnErrorInThePlan(t *testing.T) {
	s := newServer(t)
	gone := filepath.Join(t.TempDir(), "gone")
	notZip := filepath.Join(t.TempDir(), "code.zip")
	writeFile(t, notZip, "this is text")
	for _, c := range []struct {
		name, attribute, mention string
		config                   object
	}{
		{"a directory that is not there", "package_dir", "gone", object{"package_dir": gone}},
		{"a directory that is empty", "package_dir", "nothing to pack", object{"package_dir": t.TempDir()}},
		{"a file that is not there", "package_file", "gone", object{"package_dir": nil, "package_file": gone}},
		{"a file that is no ZIP", "package_file", "not a ZIP", object{"package_dir": nil, "package_file": notZip}},
		{"text that is no base64", "code.zip_file", "base64", object{"package_dir": nil, "code": object{"zip_file": "%%%"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, s.plan(s.fresh("fc_function"), function(t, c.config)).Diagnostics, c.attribute, c.mention)
		})
	}
}

func TestCodeThatChangesAfterThePlanIsRefused(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	config := function(t, object{})
	p := s.plan(s.fresh("fc_function"), config)
	writeFile(t, filepath.Join(config["package_dir"].(string), "index.py"), "something else")
	_, diags := s.apply(p)
	wantError(t, diags, "package_dir", "Plan again")
	if len(fake.functions) != 0 {
		t.Error("the function was created")
	}
}

func TestServerThatReportsOtherCodeIsAnError(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	config := function(t, object{})
	there, diags := s.apply(s.plan(s.fresh("fc_function"), config))
	s.must(diags)
	before := text(t, s.values(there), "code_checksum")

	writeFile(t, filepath.Join(config["package_dir"].(string), "index.py"), "new")
	fake.checksum = "42"
	after, diags := s.apply(s.plan(there, config))
	wantError(t, diags, "code_checksum", "42")
	if got := text(t, s.values(after), "code_checksum"); got != before {
		t.Errorf("the state has the checksum %s, want the old %s", got, before)
	}
	fake.checksum = ""
	after, diags = s.refresh(after)
	s.must(diags)
	after, diags = s.apply(s.plan(after, config))
	s.must(diags)
	s.wantEmpty(t, after, config)
}

func TestFailedUpdateIsTriedAgain(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	config := function(t, object{})
	there, diags := s.apply(s.plan(s.fresh("fc_function"), config))
	s.must(diags)

	writeFile(t, filepath.Join(config["package_dir"].(string), "index.py"), "new")
	fake.fault = func(method, _ string) *api.Error {
		if method == http.MethodPut {
			return api.Errorf(api.CodeInternalServerError, "out of order")
		}
		return nil
	}
	failed, diags := s.apply(s.plan(there, config))
	wantError(t, diags, "", "out of order")
	fake.fault = nil
	p := s.plan(failed, config)
	if got := text(t, s.decode("fc_function", p.PlannedState), "code_checksum"); got == text(t, s.values(there), "code_checksum") {
		t.Fatal("the next plan does not send the code again")
	}
	after, diags := s.apply(p)
	s.must(diags)
	s.wantEmpty(t, after, config)
}

func TestCodeChangedOnTheServerShowsAndIsPutBack(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	config := function(t, object{})
	there, diags := s.apply(s.plan(s.fresh("fc_function"), config))
	s.must(diags)
	fake.functions["hello"].CodeChecksum = "7"
	there, diags = s.refresh(there)
	s.must(diags)
	after, diags := s.apply(s.plan(there, config))
	s.must(diags)
	if fake.functions["hello"].CodeChecksum == "7" {
		t.Error("the code was not put back")
	}
	s.wantEmpty(t, after, config)
}

func TestWhatIsTakenOutOfTheConfigurationIsCleared(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	dir := codeDir(t, "x")
	there, diags := s.apply(s.plan(s.fresh("fc_function"), function(t, object{
		"package_dir": dir, "description": "greets", "environment_variables": object{"A": "1"}, "role": "acs:ram::1:role/r",
	})))
	s.must(diags)
	config := function(t, object{"package_dir": dir})
	there, diags = s.apply(s.plan(there, config))
	s.must(diags)
	f := fake.functions["hello"]
	if f.Description != "" || f.Role != "" || len(f.EnvironmentVariables) != 0 {
		t.Errorf("something is left: %q, %q, %v", f.Description, f.Role, f.EnvironmentVariables)
	}
	s.wantEmpty(t, there, config)
}

func TestMemoryTakesTheVCPUsAlong(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	dir := codeDir(t, "x")
	there, diags := s.apply(s.plan(s.fresh("fc_function"), function(t, object{"package_dir": dir})))
	s.must(diags)
	config := function(t, object{"package_dir": dir, "memory_size": 4096})
	there, diags = s.apply(s.plan(there, config))
	s.must(diags)
	if f := fake.functions["hello"]; f.CPU != api.DefaultCPU(4096) {
		t.Errorf("4096 MB go with %g vCPU, want %g", f.CPU, api.DefaultCPU(4096))
	}
	s.wantEmpty(t, there, config)
}

func TestErrorsOfTheServerLandOnTheirAttribute(t *testing.T) {
	clean(t)
	for _, c := range []struct {
		name, attribute string
		fault           *api.Error
	}{
		{"a field that begins the message", "memory_size", api.InvalidArgument("memorySize", "no node has so much")},
		{"a field of a block", "custom_runtime_config", api.InvalidArgument("customRuntimeConfig.port", "taken")},
		{"the code", "package_dir", api.InvalidArgument("code.zipFile", "not extractable")},
		{"a feature that the release lacks", "layers", api.Errorf(api.CodeFeatureNotSupported, "layers are not supported")},
		{"a name that is taken", "function_name", api.Errorf(api.CodeFunctionExists, "it exists")},
		{"anything else", "", api.Errorf(api.CodeAccessDenied, "you may not")},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := startFake(t)
			s := configured(t, fake.URL)
			fake.fault = func(method, _ string) *api.Error {
				if method == http.MethodPost {
					return c.fault
				}
				return nil
			}
			_, diags := s.apply(s.plan(s.fresh("fc_function"), function(t, object{})))
			wantError(t, diags, c.attribute, c.fault.Message)
		})
	}
}

func TestFunctionThatIsGoneLeavesTheState(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	there, diags := s.apply(s.plan(s.fresh("fc_function"), function(t, object{})))
	s.must(diags)
	delete(fake.functions, "hello")
	there, diags = s.refresh(there)
	s.must(diags)
	if len(s.values(there)) != 0 {
		t.Error("the state still has the function")
	}
}
