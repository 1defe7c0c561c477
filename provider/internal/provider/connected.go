package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

// connected is the part that every resource has in common: the client that the
// provider made. It is nil while the provider's configuration is unknown.
type connected struct{ api *fcapi.Client }

func (c *connected) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	c.take(req.ProviderData, &resp.Diagnostics)
}

func (c *connected) take(data any, diags *diag.Diagnostics) {
	if data == nil {
		return
	}
	client, ok := data.(*fcapi.Client)
	if !ok {
		diags.AddError("The provider is put together wrongly", fmt.Sprintf("It passed a %T to its resources. Please report this.", data))
	}
	c.api = client
}

func (c *connected) client(diags *diag.Diagnostics) *fcapi.Client {
	if c.api == nil {
		diags.AddError("The provider is not configured yet",
			"Its configuration depends on values that are known only after an apply. Apply what they come from first, for instance with -target.")
	}
	return c.api
}

// connectedData is connected for data sources.
type connectedData struct{ connected }

func (c *connectedData) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	c.take(req.ProviderData, &resp.Diagnostics)
}

// field is a member of the API and the attribute it comes from.
type field struct {
	member    string
	attribute path.Path
}

// report puts an error on the attribute that the server's message begins with,
// or else on the first that it mentions. Only what was refused is about one.
func report(err error, fields []field, summary, detail string, diags *diag.Diagnostics) {
	var failure *fcapi.Error
	if errors.As(err, &failure) && (errors.Is(err, fcapi.ErrInvalid) || errors.Is(err, fcapi.ErrUnsupported)) {
		for _, form := range []string{`^%s\b`, `\b%s\b`} {
			for _, f := range fields {
				if regexp.MustCompile(fmt.Sprintf(form, f.member)).MatchString(failure.Message) {
					diags.AddAttributeError(f.attribute, summary, detail)
					return
				}
			}
		}
	}
	diags.AddError(summary, detail)
}
