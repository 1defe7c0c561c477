package provider_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

const triggerAddress = "fc_trigger.test"

func triggerConfig(function, dir, settings string) string {
	return functionConfig(function, dir, "") + `
resource "fc_trigger" "test" {
  function_name = fc_function.test.function_name
  trigger_name  = "web"
` + settings + `
}
`
}

const openBlock = `
  http {
    auth_type = "anonymous"
    methods   = ["GET", "POST"]
  }
`

func triggerAction(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(triggerAddress, a)},
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

func TestRealTriggerWithABlock(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	verify := resource.TestStep{ResourceName: triggerAddress, ImportState: true, ImportStateVerify: true}
	url := knownvalue.StringRegexp(regexp.MustCompile(`^https?://`))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{
				Config:           triggerConfig("acc-trigger", dir, openBlock),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("id"), knownvalue.StringExact("acc-trigger:web")),
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("trigger_type"), knownvalue.StringExact("http")),
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("qualifier"), knownvalue.StringExact("LATEST")),
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("url_internet"), url),
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("url_intranet"), url),
				},
			},
			verify,
			{
				Config: triggerConfig("acc-trigger", dir, `
  description = "for browsers"

  http {
    auth_type            = "function"
    methods              = ["GET"]
    disable_url_internet = true

    cors {
      allow_origins     = ["https://a.example.com", "https://b.example.com"]
      allow_methods     = ["GET"]
      allow_headers     = ["X-One"]
      expose_headers    = ["X-Two"]
      allow_credentials = true
      max_age           = 600
    }
  }
`),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionUpdate),
			},
			verify,
			{
				Config:           triggerConfig("acc-trigger", dir, openBlock),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("description"), knownvalue.Null()),
					statecheck.ExpectKnownValue(triggerAddress, tfjsonpath.New("http").AtMapKey("cors"), knownvalue.Null()),
				},
			},
		},
	})
}

func TestRealTriggerWithJSON(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	raw := func(text string) string { return "trigger_type = \"http\"\ntrigger_config = jsonencode(" + text + ")" }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{
				Config:           triggerConfig("acc-trigger-json", dir, raw(`{ methods = ["POST"] }`)),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionCreate),
			},
			{
				Config:           triggerConfig("acc-trigger-json", dir, raw(`{ methods = ["GET"], authType = "anonymous" }`)),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionUpdate),
			},
			{
				Config:           triggerConfig("acc-trigger-json", dir, openBlock),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionUpdate),
			},
		},
	})
}

func TestRealTriggerThatIsGoneIsCreatedAgain(t *testing.T) {
	client := realPlatform(t)
	dir := codePath(t, "1")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             nothingLeft(client, t),
		Steps: []resource.TestStep{
			{Config: triggerConfig("acc-trigger-gone", dir, openBlock)},
			{
				PreConfig: func() {
					if err := client.DeleteTrigger(t.Context(), "acc-trigger-gone", "web"); err != nil {
						t.Fatal(err)
					}
				},
				Config:           triggerConfig("acc-trigger-gone", dir, openBlock),
				ConfigPlanChecks: triggerAction(plancheck.ResourceActionCreate),
			},
		},
	})
}

func TestRealTriggerIsImportedByIdentity(t *testing.T) {
	realPlatform(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{Config: triggerConfig("acc-trigger-identity", codePath(t, "1"), openBlock)},
			{ResourceName: triggerAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		},
	})
}

func TestRealTriggerOfAnUnknownTypeIsAnErrorOnTheType(t *testing.T) {
	realPlatform(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{{
			Config:      triggerConfig("acc-trigger-type", codePath(t, "1"), "trigger_type = \"carrier_pigeon\"\ntrigger_config = \"{}\""),
			ExpectError: regexp.MustCompile(`(?s)trigger_type = "carrier_pigeon"`),
		}},
	})
}
