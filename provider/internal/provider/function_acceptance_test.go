package provider_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/fcstack/fcstack/provider/internal/codepack"
	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

const address = "fc_function.test"

func functionConfig(name, dir, more string) string {
	return config(`
resource "fc_function" "test" {
  function_name = %q
  runtime       = "custom"
  handler       = "bootstrap"
  package_dir   = %q
%s
}
`, name, dir, more)
}

// attribute checks one attribute of the state.
func attribute(name string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), check)
}

// action wants a plan to do this with the function, and nothing after an apply.
func action(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, a)},
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

// importVerify imports the function of the step before and compares. Where the
// code came from is not on the server.
var importVerify = resource.TestStep{
	ResourceName: address, ImportState: true, ImportStateVerify: true,
	ImportStateVerifyIgnore: []string{"package_dir", "package_file", "code"},
}

func TestRealFunctionWithTheLeast(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	pkg, err := codepack.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{
				Config:           functionConfig("acc-least", dir, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					attribute("id", knownvalue.StringExact("acc-least")),
					attribute("code_checksum", knownvalue.StringExact(pkg.Checksum)),
					attribute("code_size", knownvalue.Int64Exact(int64(len(pkg.Zip)))),
					attribute("memory_size", knownvalue.Int64Exact(512)),
					attribute("cpu", knownvalue.Float64Exact(0.35)),
					attribute("timeout", knownvalue.Int64Exact(3)),
					attribute("instance_concurrency", knownvalue.Int64Exact(1)),
					attribute("internet_access", knownvalue.Bool(true)),
					attribute("description", knownvalue.Null()),
					attribute("custom_runtime_config", knownvalue.Null()),
				},
			},
			importVerify,
		},
	})
}

const everySetting = `
  description          = "everything at once"
  cpu                  = 1
  memory_size          = 2048
  disk_size            = 10240
  timeout              = 60
  instance_concurrency = 50
  internet_access      = false
  role                 = "acs:ram::1:role/reader"

  instance_isolation_mode    = "SHARE"
  session_affinity           = "HEADER_FIELD"
  session_affinity_config    = jsonencode({ affinityHeaderFieldName = "x-session", sessionConcurrencyPerInstance = 20 })
  disable_inject_credentials = "All"

  environment_variables = {
    A = "1"
    B = "two"
  }

  log_config {
    project  = "shop"
    logstore = "web"
  }

  nas_config {
    user_id = 0

    mount_points {
      server_addr = "files.example.com:/a"
      mount_dir   = "/mnt/a"
    }

    mount_points {
      server_addr = "files.example.com:/b"
      mount_dir   = "/mnt/b"
      enable_tls  = false
    }
  }

  vpc_config {
    vpc_id            = "vpc-1"
    vswitch_ids       = ["vsw-1", "vsw-2"]
    security_group_id = "sg-1"
  }

  custom_runtime_config {
    command = ["./bootstrap"]
    args    = ["-v"]
    port    = 9001

    health_check_config {
      http_get_url          = "/healthz"
      initial_delay_seconds = 0
      period_seconds        = 5
    }
  }

  instance_lifecycle_config {
    initializer {
      handler = "initialize"
      timeout = 30
    }

    pre_stop {
      handler = "stop"
    }
  }
`

func TestRealFunctionWithEverySettingAndBack(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{
				Config:           functionConfig("acc-every", dir, everySetting),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
			},
			importVerify,
			{
				Config:           functionConfig("acc-every", dir, "memory_size = 1024\ndescription = \"\""),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					attribute("description", knownvalue.StringExact("")),
					attribute("environment_variables", knownvalue.Null()),
					attribute("role", knownvalue.Null()),
					attribute("custom_runtime_config", knownvalue.Null()),
					attribute("instance_lifecycle_config", knownvalue.Null()),
					attribute("session_affinity", knownvalue.StringExact("NONE")),
					attribute("session_affinity_config", knownvalue.Null()),
					attribute("log_config", knownvalue.Null()),
					attribute("nas_config", knownvalue.Null()),
					attribute("vpc_config", knownvalue.Null()),
					attribute("cpu", knownvalue.Float64Exact(0.7)),
				},
			},
			{
				Config:           functionConfig("acc-every", dir, everySetting),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{
				Config:           functionConfig("acc-every-renamed", dir, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionReplace),
			},
		},
	})
}

func TestRealCodeIsComparedWithTheServers(t *testing.T) {
	client := realPlatform(t)
	dir, other := codePath(t, "1"), codePath(t, "somebody else's")
	checksum := func() string {
		pkg, err := codepack.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return pkg.Checksum
	}
	was := checksum()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{Config: functionConfig("acc-code", dir, "")},
			{ // code that was changed here
				PreConfig:        func() { writeFile(t, filepath.Join(dir, "bootstrap"), "#!/bin/sh\nexec sleep 7200\n") },
				Config:           functionConfig("acc-code", dir, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					attribute("code_checksum", knownvalue.StringFunc(func(now string) error {
						if now != checksum() || now == was {
							return fmt.Errorf("the checksum is %s, was %s, want %s", now, was, checksum())
						}
						return nil
					})),
				},
			},
			{ // code that was changed there
				PreConfig: func() {
					pkg, err := codepack.Dir(other)
					if err != nil {
						t.Fatal(err)
					}
					in := &fcapi.FunctionInput{Code: &fcapi.Code{ZipFile: new(pkg.Base64())}}
					if _, err := client.UpdateFunction(t.Context(), "acc-code", in); err != nil {
						t.Fatal(err)
					}
				},
				Config:           functionConfig("acc-code", dir, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
		},
	})
}

func TestRealPackagesComeFromFilesAndText(t *testing.T) {
	client := realPlatform(t)
	pkg, err := codepack.Dir(codePath(t, "1"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(file, pkg.Zip, 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(source string) string {
		return config("resource \"fc_function\" \"test\" {\n  function_name = \"acc-sources\"\n  runtime = \"custom\"\n  handler = \"bootstrap\"\n%s\n}\n", source)
	}
	same := []statecheck.StateCheck{attribute("code_checksum", knownvalue.StringExact(pkg.Checksum))}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{Config: with(fmt.Sprintf("package_file = %q", file)), ConfigStateChecks: same},
			importVerify,
			{Config: with(fmt.Sprintf("code {\nzip_file = filebase64(%q)\n}", file)), ConfigStateChecks: same},
		},
	})
}

func TestRealFunctionThatIsGoneIsCreatedAgain(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{Config: functionConfig("acc-gone", dir, "")},
			{
				PreConfig: func() {
					if err := client.DeleteFunction(t.Context(), "acc-gone"); err != nil {
						t.Fatal(err)
					}
				},
				Config:           functionConfig("acc-gone", dir, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
			},
		},
	})
}

func TestRealFunctionIsImportedByIdentity(t *testing.T) {
	realPlatform(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{
				// Where the code comes from is nothing that an import can know.
				Config: functionConfig("acc-identity", codePath(t, "1"), "lifecycle {\n  ignore_changes = [package_dir]\n}"),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentity(address, map[string]knownvalue.Check{
					"function_name": knownvalue.StringExact("acc-identity"),
				})},
			},
			{ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		},
	})
}

func TestRealMistakesAreFoundByThePlan(t *testing.T) {
	realPlatform(t)
	dir := codePath(t, "1")
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + deaf.Addr().String()
	if err := deaf.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, config, mention string }{
		{"a typo", functionConfig("acc-bad", dir, "memory_sise = 512"), `memory_sise`},
		{"an unknown runtime", config(`resource "fc_function" "test" {
  function_name = "acc-bad"
  runtime       = "cobol"
  handler       = "x"
  package_dir   = %q
}`, dir), `(?s)runtime\s+= "cobol".*must be one of`},
		{"a package that is not there", functionConfig("acc-bad", "/does/not/exist", ""), `(?s)package_dir.*/does/not/exist`},
		{"a value out of range", functionConfig("acc-bad", dir, "timeout = 100000"), `(?s)timeout = 100000.*between 1 and 86400`},
		{"wrong credentials", "provider \"fc\" {\n  access_key_id = \"nobody\"\n}\n" + functionConfig("acc-bad", dir, ""), `(?s)access_key_id = "nobody".*does\s+not\s+accept`},
		{"a wrong secret", "provider \"fc\" {\n  access_key_secret = \"wrong\"\n}\n" + functionConfig("acc-bad", dir, ""), `(?s)access_key_secret.*does\s+not\s+accept`},
		{"an unreachable endpoint", fmt.Sprintf("provider \"fc\" {\n  endpoint = %q\n}\n", closed) + functionConfig("acc-bad", dir, ""), `(?s)endpoint = .*connection\s+refused`},
	} {
		t.Run(c.name, func(t *testing.T) {
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: factories,
				Steps:                    []resource.TestStep{{Config: c.config, PlanOnly: true, ExpectError: regexp.MustCompile(c.mention)}},
			})
		})
	}
}

func TestRealFunctionThatExistsIsNotTakenOver(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{{
			Config: functionConfig("acc-twice", dir, "") + fmt.Sprintf(`
resource "fc_function" "again" {
  function_name = fc_function.test.function_name
  runtime       = "custom"
  handler       = "bootstrap"
  package_dir   = %q
}`, dir),
			ExpectError: regexp.MustCompile(`(?s)function_name.*terraform\s+import`),
		}},
	})
}

func TestRealDataSourcesShowWhatIsThere(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	const more = `
data "fc_function" "test" {
  function_name = fc_function.test.function_name
}

data "fc_functions" "test" {
  prefix     = "acc-data"
  depends_on = [fc_function.test]
}

data "fc_functions" "other" {
  runtime    = "go1"
  prefix     = "acc-data"
  depends_on = [fc_function.test]
}
`
	one := tfjsonpath.New("function_arn")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{
				Config: functionConfig("acc-data", dir, "environment_variables = { A = \"1\" }\ntags = { team = \"shop\" }") + more,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("data.fc_function.test", tfjsonpath.New("memory_size"), knownvalue.Int64Exact(512)),
					statecheck.ExpectKnownValue("data.fc_function.test", tfjsonpath.New("environment_variables"),
						knownvalue.MapExact(map[string]knownvalue.Check{"A": knownvalue.StringExact("1")})),
					statecheck.ExpectKnownValue("data.fc_function.test", tfjsonpath.New("tags"),
						knownvalue.MapExact(map[string]knownvalue.Check{"team": knownvalue.StringExact("shop")})),
					statecheck.ExpectSensitiveValue("data.fc_function.test", tfjsonpath.New("environment_variables")),
					statecheck.ExpectKnownValue("data.fc_function.test", one, knownvalue.StringRegexp(regexp.MustCompile(":functions/acc-data$"))),
					statecheck.ExpectKnownValue("data.fc_functions.test", tfjsonpath.New("names"),
						knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("acc-data")})),
					statecheck.ExpectKnownValue("data.fc_functions.other", tfjsonpath.New("names"), knownvalue.ListExact(nil)),
				},
			},
			{
				Config:      config(`data "fc_function" "gone" { function_name = "acc-nobody" }`),
				ExpectError: regexp.MustCompile(`(?s)function_name = "acc-nobody".*No\s+such\s+function|No\s+such\s+function.*acc-nobody`),
			},
		},
	})
}
