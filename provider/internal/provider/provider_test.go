package provider_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/fcstack/fcstack/platform/api"
)

func TestSchemaIsValidAndDescribed(t *testing.T) {
	s := newServer(t)
	blocks := map[string]*tfprotov6.SchemaBlock{"provider": s.schema.Provider.Block}
	for name, schema := range s.schema.ResourceSchemas {
		blocks[name] = schema.Block
	}
	for name, schema := range s.schema.DataSourceSchemas {
		blocks["data."+name] = schema.Block
	}
	if len(blocks) != 5 {
		t.Errorf("there are %d schemas, want the provider, two resources and two data sources", len(blocks))
	}
	for name, block := range blocks {
		described(t, name, block)
	}
	identities, err := s.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s.must(identities.Diagnostics)
	if len(identities.IdentitySchemas) != 2 {
		t.Errorf("%d resources have an identity, want both", len(identities.IdentitySchemas))
	}
}

func described(t *testing.T, name string, block *tfprotov6.SchemaBlock) {
	t.Helper()
	if block.Description == "" {
		t.Errorf("%s has no description", name)
	}
	for _, a := range block.Attributes {
		if a.Description == "" {
			t.Errorf("%s.%s has no description", name, a.Name)
		}
	}
	for _, b := range block.BlockTypes {
		described(t, name+"."+b.TypeName, b.Block)
	}
}

// clean keeps the environment of whoever runs the tests out of them.
func clean(t *testing.T) {
	for _, name := range []string{
		"FC_ENDPOINT", "FC_REGION", "FC_CA_FILE", "ALIBABA_CLOUD_ACCESS_KEY_ID",
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN",
	} {
		t.Setenv(name, "")
	}
}

func TestProviderConfigurationIsChecked(t *testing.T) {
	clean(t)
	fake := startFake(t)
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	whole := func(endpoint string) object {
		return object{"endpoint": endpoint, "access_key_id": "known", "access_key_secret": "s3cret"}
	}
	for _, c := range []struct {
		name      string
		config    object
		attribute string
		mention   string
	}{
		{"no endpoint", object{"access_key_id": "known", "access_key_secret": "s3cret"}, "endpoint", "FC_ENDPOINT"},
		{"no key", object{"endpoint": fake.URL, "access_key_secret": "s3cret"}, "access_key_id", "ALIBABA_CLOUD_ACCESS_KEY_ID"},
		{"no secret", object{"endpoint": fake.URL, "access_key_id": "known"}, "access_key_secret", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
		{"an endpoint without a scheme", whole("127.0.0.1:9600"), "endpoint", "127.0.0.1:9600"},
		{"an endpoint with another scheme", whole("ftp://fc.example.com"), "endpoint", "http://"},
		{"an endpoint with a path", whole(fake.URL + "/2023-03-30"), "endpoint", "must end after the host"},
		{"an endpoint with credentials", whole("http://a:b@127.0.0.1:1"), "endpoint", "must not hold credentials"},
		{"an endpoint that is something else", whole(page.URL), "endpoint", "not Function Compute"},
		{"a key that the server does not know", object{"endpoint": fake.URL, "access_key_id": "stranger", "access_key_secret": "s3cret"}, "access_key_id", `"stranger"`},
		{"a CA file that is not there", object{"endpoint": fake.URL, "access_key_id": "known", "access_key_secret": "s3cret", "ca_file": "gone.pem"}, "ca_file", "gone.pem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			diags := newServer(t).configure(c.config)
			wantError(t, diags, c.attribute, c.mention)
			if strings.Contains(list(diags), "s3cret") {
				t.Error("the error tells the secret")
			}
		})
	}
}

func TestWrongSecretIsAnErrorOnTheSecret(t *testing.T) {
	clean(t)
	fake := startFake(t)
	fake.fault = func(string, string) *api.Error {
		return api.Errorf(api.CodeSignatureNotMatch, "the signature does not match")
	}
	diags := newServer(t).configure(object{"endpoint": fake.URL, "access_key_id": "known", "access_key_secret": "s3cret"})
	wantError(t, diags, "access_key_secret", fake.URL)
}

func TestConfigurationFallsBackToTheEnvironment(t *testing.T) {
	clean(t)
	fake := startFake(t)
	t.Setenv("FC_ENDPOINT", fake.URL)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "known")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
	s := newServer(t)
	s.must(s.configure(object{}))
	if fake.last(t, http.MethodGet).path != "functions" {
		t.Error("the server was not asked")
	}
}

func TestUnknownConfigurationIsNoErrorWhilePlanning(t *testing.T) {
	clean(t)
	s := newServer(t)
	s.must(s.configure(object{"endpoint": unknown, "access_key_id": "known", "access_key_secret": "s"}))
	p := s.plan(s.fresh("fc_function"), function(t, object{}))
	s.must(p.Diagnostics)
	_, diags := s.apply(p)
	wantError(t, diags, "", "not configured yet")
}

func TestUnreachableEndpointIsAnErrorWithinABoundedTime(t *testing.T) {
	clean(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	diags := newServer(t).configure(object{"endpoint": endpoint, "access_key_id": "known", "access_key_secret": "s3cret"})
	wantError(t, diags, "endpoint", endpoint)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestSilentEndpointIsAnErrorWithinABoundedTime(t *testing.T) {
	clean(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s := newServer(t)
	resp, err := s.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{Config: s.dynamic(s.schema.Provider.ValueType(),
		object{"endpoint": "http://" + listener.Addr().String(), "access_key_id": "known", "access_key_secret": "s"})})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, resp.Diagnostics, "endpoint", listener.Addr().String())
}
