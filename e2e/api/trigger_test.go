package api

import (
	"encoding/json"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

const anonymous = `{"authType":"anonymous","methods":["GET","POST"]}`

func input(name, kind, config string) *sdk.CreateTriggerRequest {
	return &sdk.CreateTriggerRequest{Body: &sdk.CreateTriggerInput{TriggerName: &name, TriggerType: &kind, TriggerConfig: &config}}
}

func TestATriggerLives(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	f := harness.Create(t, p, script("trigger"))
	created, err := c.CreateTrigger(&f, input("web", "http", anonymous))
	if err != nil {
		t.Fatal(err)
	}
	if b := created.Body; *b.TriggerId == "" || b.HttpTrigger == nil || *b.HttpTrigger.UrlInternet == "" || *b.HttpTrigger.UrlIntranet == "" || *b.Qualifier != "LATEST" {
		t.Errorf("created %v", b)
	}
	updated, err := c.UpdateTrigger(&f, new("web"), &sdk.UpdateTriggerRequest{Body: &sdk.UpdateTriggerInput{
		TriggerConfig: new(`{"authType":"function","methods":["PUT"]}`), Description: new("now signed"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetTrigger(&f, new("web"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		AuthType string
		Methods  []string
	}
	if err := json.Unmarshal([]byte(*got.Body.TriggerConfig), &config); err != nil {
		t.Fatal(err)
	}
	if config.AuthType != "function" || len(config.Methods) != 1 || config.Methods[0] != "PUT" || *got.Body.Description != "now signed" {
		t.Errorf("after the update it is %v", got.Body)
	}
	if *updated.Body.TriggerId != *created.Body.TriggerId || *got.Body.HttpTrigger.UrlInternet != *created.Body.HttpTrigger.UrlInternet {
		t.Error("the update changed the identity or the URL")
	}
	list, err := c.ListTriggers(&f, &sdk.ListTriggersRequest{})
	if err != nil || len(list.Body.Triggers) != 1 {
		t.Fatalf("listed %v, %v", list, err)
	}
	if _, err := c.DeleteTrigger(&f, new("web")); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetTrigger(&f, new("web"))
	if got := harness.ErrorOf(err); got.Status != 404 || got.Code != "TriggerNotFound" {
		t.Errorf("the deleted trigger answers %+v", got)
	}
}

func TestATriggerIsRefused(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	f := harness.Create(t, p, script("trigger"))
	if _, err := c.CreateTrigger(&f, input("web", "http", anonymous)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		of     string
		in     *sdk.CreateTriggerRequest
		status int
		code   string
	}{
		{"of a missing function", "nobody", input("x", "http", anonymous), 404, "FunctionNotFound"},
		{"with a name that is taken", f, input("web", "http", anonymous), 409, "TriggerAlreadyExists"},
		{"with a bad name", f, input("1x", "http", anonymous), 400, "InvalidArgument"},
		{"with no JSON", f, input("x", "http", "anonymous"), 400, "InvalidArgument"},
		{"with an unknown authentication", f, input("x", "http", `{"authType":"maybe","methods":["GET"]}`), 400, "InvalidArgument"},
		{"with an unknown method", f, input("x", "http", `{"authType":"anonymous","methods":["FETCH"]}`), 400, "InvalidArgument"},
		{"of a type that is not built", f, input("x", "timer", `{"cronExpression":"@every 1m","enable":true}`), 501, "TriggerTypeNotSupported"},
		{"of a type that nobody knows", f, input("x", "carrier-pigeon", `{}`), 400, "InvalidArgument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.CreateTrigger(&tt.of, tt.in)
			if got := harness.ErrorOf(err); got.Status != tt.status || got.Code != tt.code || got.Message == "" {
				t.Errorf("answers %+v (%v), want %d %s", got, err, tt.status, tt.code)
			}
		})
	}
}
