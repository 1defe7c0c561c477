package provider_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/fcstack/fcstack/platform/api"
)

// trigger is a valid configuration, changed by more.
func trigger(more object) object {
	config := object{"function_name": "hello", "trigger_name": "web", "qualifier": "LATEST"}
	maps.Copy(config, more)
	return config
}

var open = object{"methods": []any{"GET"}, "auth_type": "anonymous"}

func TestTriggerConfigurationIsValidated(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		name      string
		config    object
		attribute string
		mention   string
	}{
		{"a name that is none", object{"trigger_name": "a b", "http": open}, "trigger_name", "begin with a letter"},
		{"nothing", object{}, "trigger_config", "http block"},
		{"both forms", object{"http": open, "trigger_config": "{}", "trigger_type": "http"}, "trigger_config", "not both"},
		{"JSON without a type", object{"trigger_config": "{}"}, "trigger_type", "of which type"},
		{"a block of another type", object{"http": open, "trigger_type": "timer"}, "trigger_type", "of type http"},
		{"JSON that is none", object{"trigger_config": "{", "trigger_type": "timer"}, "trigger_config", "JSON"},
		{"a block without methods", object{"http": object{"auth_type": "anonymous"}}, "http.methods", "GET"},
		{"a block with an empty list of methods", object{"http": object{"methods": []any{}}}, "http.methods", "at least 1"},
		{"an unknown kind of caller", object{"http": object{"methods": []any{"GET"}, "auth_type": "nobody"}}, "http.auth_type", "anonymous"},
		{"a cache of a week", object{"http": object{"methods": []any{"GET"}, "cors": object{"max_age": 604800}}}, "http.cors.max_age", "86400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.t = t
			wantError(t, s.validate("fc_trigger", trigger(c.config)), c.attribute, c.mention)
		})
	}
	for name, more := range map[string]object{
		"the block":                     {"http": open},
		"the block and its type":        {"http": open, "trigger_type": "http"},
		"JSON and its type":             {"trigger_config": "{}", "trigger_type": "timer"},
		"a block that is not known yet": {"http": unknown},
		"JSON that is not known yet":    {"trigger_config": unknown, "trigger_type": "timer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			s.must(s.validate("fc_trigger", trigger(more)))
		})
	}
}

func TestTriggerGivesAnEmptyPlanAfterEveryApply(t *testing.T) {
	clean(t)
	s := configured(t, startFake(t).URL)
	there := s.fresh("fc_trigger")
	for _, step := range []struct {
		name   string
		config object
	}{
		{"the least", object{"http": object{"methods": []any{"GET"}}}},
		{"every setting", object{"description": "d", "http": object{
			"methods": []any{"POST", "GET"}, "auth_type": "function", "disable_url_internet": true,
			"cors": object{"allow_origins": []any{"https://a", "https://b"}, "allow_credentials": false, "max_age": 0},
		}}},
		{"settings taken back", object{"http": open}},
		{"JSON instead of the block", object{"trigger_type": "http", "trigger_config": `{"methods": ["GET"]}`}},
		{"and the block again", object{"http": open}},
	} {
		var diags []*tfprotov6.Diagnostic
		there, diags = s.apply(s.plan(there, trigger(step.config)))
		s.must(diags)
		t.Run(step.name, func(t *testing.T) { s.wantEmpty(t, there, trigger(step.config)) })
	}
}

func TestTypeFollowsTheBlock(t *testing.T) {
	clean(t)
	s := configured(t, startFake(t).URL)
	there, diags := s.apply(s.plan(s.fresh("fc_trigger"), trigger(object{"trigger_type": "timer", "trigger_config": "{}"})))
	s.must(diags)
	p := s.plan(there, trigger(object{"http": open}))
	s.must(p.Diagnostics)
	if got := text(t, s.decode("fc_trigger", p.PlannedState), "trigger_type"); got != "http" {
		t.Errorf("the type is planned as %s", got)
	}
	if len(p.RequiresReplace) != 1 || pathOf(p.RequiresReplace[0]) != "trigger_type" {
		t.Errorf("the trigger is replaced because of %v, want trigger_type", p.RequiresReplace)
	}
}

func TestQualifierForcesReplacement(t *testing.T) {
	clean(t)
	s := configured(t, startFake(t).URL)
	there, diags := s.apply(s.plan(s.fresh("fc_trigger"), trigger(object{"http": open})))
	s.must(diags)
	p := s.plan(there, trigger(object{"http": open, "qualifier": "prod"}))
	s.must(p.Diagnostics)
	if len(p.RequiresReplace) != 1 || pathOf(p.RequiresReplace[0]) != "qualifier" {
		t.Errorf("the trigger is replaced because of %v, want qualifier", p.RequiresReplace)
	}
}

func TestJSONThatTheServerChangedShows(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	config := trigger(object{"trigger_type": "timer", "trigger_config": `{"cronExpression":"@every 1m","enable":true}`})
	there, diags := s.apply(s.plan(s.fresh("fc_trigger"), config))
	s.must(diags)
	stored := fake.triggers["hello/web"]
	stored.TriggerConfig = `{"enable":true,"cronExpression":"@every 1m","payload":""}`
	s.wantEmpty(t, there, config)
	stored.TriggerConfig = `{"enable":false,"cronExpression":"@every 1m"}`
	there, diags = s.refresh(there)
	s.must(diags)
	if got := text(t, s.values(there), "trigger_config"); got != stored.TriggerConfig {
		t.Errorf("the state has %s", got)
	}
}

func TestUnsupportedTypeIsAnErrorOnTheType(t *testing.T) {
	clean(t)
	fake := startFake(t)
	s := configured(t, fake.URL)
	fake.fault = func(method, _ string) *api.Error {
		if method == http.MethodPost {
			return api.Errorf(api.CodeTriggerTypeNotSupported, "triggerType: timer is not supported by this release")
		}
		return nil
	}
	_, diags := s.apply(s.plan(s.fresh("fc_trigger"), trigger(object{"trigger_type": "timer", "trigger_config": "{}"})))
	wantError(t, diags, "trigger_type", "timer")
}
