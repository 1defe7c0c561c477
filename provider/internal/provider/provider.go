// Package provider is the Terraform provider: the schema of each resource and
// data source, and what a plan means for the API. The calls themselves are
// fcapi's, the packages codepack's.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

// checkTimeout bounds the first call, retries included.
const checkTimeout = 20 * time.Second

// New returns a factory of the provider.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &fcProvider{version: version} }
}

type fcProvider struct{ version string }

type providerModel struct {
	Endpoint        types.String `tfsdk:"endpoint"`
	AccessKeyID     types.String `tfsdk:"access_key_id"`
	AccessKeySecret types.String `tfsdk:"access_key_secret"`
	SecurityToken   types.String `tfsdk:"security_token"`
	Region          types.String `tfsdk:"region"`
	CAFile          types.String `tfsdk:"ca_file"`
	Insecure        types.Bool   `tfsdk:"insecure"`
}

func (p *fcProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "fc"
	resp.Version = p.version
}

func (p *fcProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	secret := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: description}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages the functions and triggers of an FCStack installation, or of any server that speaks the Function Compute 3.0 API.",
		Attributes: map[string]schema.Attribute{
			"endpoint":          text("URL of the API: `http` or `https`, a host and, if need be, a port, such as `https://fc.example.com`. Environment: `FC_ENDPOINT`."),
			"access_key_id":     text("ID of the access key. Environment: `ALIBABA_CLOUD_ACCESS_KEY_ID`."),
			"access_key_secret": secret("Secret of the access key. Environment: `ALIBABA_CLOUD_ACCESS_KEY_SECRET`."),
			"security_token":    secret("Security token that belongs to a temporary access key. Environment: `ALIBABA_CLOUD_SECURITY_TOKEN`."),
			"region":            text("Region of the installation; it needs to be given only where an endpoint serves several. Environment: `FC_REGION`."),
			"ca_file":           text("File with the PEM certificates of the authority that signed the endpoint's certificate; the system's remain trusted. Environment: `FC_CA_FILE`."),
			"insecure": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Accept any certificate of the endpoint. For trials only: whoever sits in between can read and change everything.",
			},
		},
	}
}

func (p *fcProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m providerModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	if m.unknown() {
		// The values come from resources that do not exist yet. Planning a
		// creation needs no server; what needs one says so.
		return
	}
	cfg := m.config(p.version, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	client, err := fcapi.New(cfg)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("ca_file"), "The connection cannot be set up", capitalize(err.Error())+".")
		return
	}
	if check(ctx, client, cfg, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	resp.ResourceData, resp.DataSourceData = client, client
}

func (p *fcProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newFunctionResource, newTriggerResource}
}

func (p *fcProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{newFunctionDataSource, newFunctionsDataSource}
}

func (m *providerModel) unknown() bool {
	return m.Endpoint.IsUnknown() || m.AccessKeyID.IsUnknown() || m.AccessKeySecret.IsUnknown() ||
		m.SecurityToken.IsUnknown() || m.Region.IsUnknown() || m.CAFile.IsUnknown() || m.Insecure.IsUnknown()
}

// config merges the configuration with the environment and reports everything
// that is missing or malformed at once.
func (m *providerModel) config(version string, diags *diag.Diagnostics) fcapi.Config {
	cfg := fcapi.Config{
		AccessKeyID:     required(m.AccessKeyID, "access_key_id", "ALIBABA_CLOUD_ACCESS_KEY_ID", diags),
		AccessKeySecret: required(m.AccessKeySecret, "access_key_secret", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", diags),
		SecurityToken:   given(m.SecurityToken, "ALIBABA_CLOUD_SECURITY_TOKEN"),
		Region:          given(m.Region, "FC_REGION"),
		Insecure:        m.Insecure.ValueBool(),
		UserAgent:       "terraform-provider-fc/" + version,
	}
	if text := required(m.Endpoint, "endpoint", "FC_ENDPOINT", diags); text != "" {
		endpoint, err := parseEndpoint(text)
		if err != nil {
			diags.AddAttributeError(path.Root("endpoint"), "The endpoint is malformed",
				fmt.Sprintf("%q %v. Write it like http://127.0.0.1:9600 or https://fc.example.com.", text, err))
		}
		cfg.Endpoint = endpoint
	}
	if file := given(m.CAFile, "FC_CA_FILE"); file != "" {
		ca, err := os.ReadFile(file)
		if err != nil {
			diags.AddAttributeError(path.Root("ca_file"), "The CA file cannot be read", capitalize(err.Error())+".")
		}
		cfg.CA = ca
	}
	return cfg
}

func given(value types.String, env string) string {
	if !value.IsNull() {
		return value.ValueString()
	}
	return os.Getenv(env)
}

func required(value types.String, name, env string, diags *diag.Diagnostics) string {
	text := given(value, env)
	if text == "" {
		diags.AddAttributeError(path.Root(name), "Missing "+name,
			fmt.Sprintf("Set %s in the provider block, or the environment variable %s.", name, env))
	}
	return text
}

func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("does not begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	case u.User != nil:
		return nil, errors.New("must not hold credentials")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("must end after the host and port")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// check asks the server once, so that a wrong endpoint or key shows on its
// attribute and while planning, not as the failure of some resource.
func check(ctx context.Context, client *fcapi.Client, cfg fcapi.Config, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := client.Check(ctx)
	switch {
	case err == nil:
	case errors.Is(err, fcapi.ErrCredentials):
		attribute := "access_key_secret"
		var failure *fcapi.Error
		if errors.As(err, &failure) && failure.Code == "InvalidAccessKeyID" {
			attribute = "access_key_id"
		}
		diags.AddAttributeError(path.Root(attribute), "The credentials are not accepted",
			fmt.Sprintf("The server at %s does not accept the access key %q: %v.", client.Endpoint(), cfg.AccessKeyID, err))
	default:
		diags.AddAttributeError(path.Root("endpoint"), "The endpoint does not answer as it should",
			fmt.Sprintf("Asked %s with the access key %q: %v.", client.Endpoint(), cfg.AccessKeyID, err))
	}
}
