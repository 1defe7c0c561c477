package provider

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

type httpModel struct {
	AuthType           types.String `tfsdk:"auth_type"`
	Methods            types.Set    `tfsdk:"methods"`
	DisableURLInternet types.Bool   `tfsdk:"disable_url_internet"`
	CORS               *corsModel   `tfsdk:"cors"`
}

type corsModel struct {
	AllowOrigins     types.Set   `tfsdk:"allow_origins"`
	AllowMethods     types.Set   `tfsdk:"allow_methods"`
	AllowHeaders     types.Set   `tfsdk:"allow_headers"`
	ExposeHeaders    types.Set   `tfsdk:"expose_headers"`
	AllowCredentials types.Bool  `tfsdk:"allow_credentials"`
	MaxAge           types.Int64 `tfsdk:"max_age"`
}

var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete,
	http.MethodHead, http.MethodPatch, http.MethodOptions,
}

func httpBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "An HTTP trigger. Instead of it, `trigger_config` takes the settings as JSON, with `authType` `jwt` too.",
		Attributes: map[string]schema.Attribute{
			"auth_type": optionalText("Who may call: `anonymous` for everyone, `function` for signed requests.",
				stringvalidator.OneOf("anonymous", "function")),
			"methods": schema.SetAttribute{
				Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(methods...))},
				MarkdownDescription: "Methods that are let through: " + quoted(methods) + ". Required.",
			},
			"disable_url_internet": optionalBool("Answer calls through the public URL with 403."),
		},
		Blocks: map[string]schema.Block{"cors": schema.SingleNestedBlock{
			MarkdownDescription: "What the platform answers to browsers on other origins.",
			Attributes: map[string]schema.Attribute{
				"allow_origins":     textSet("Origins that may call."),
				"allow_methods":     textSet("Methods they may use."),
				"allow_headers":     textSet("Headers they may send."),
				"expose_headers":    textSet("Headers they may read."),
				"allow_credentials": optionalBool("Whether they may send credentials."),
				"max_age":           optionalInt("How long the answer is good for, in seconds.", int64validator.Between(0, 86400)),
			},
		}},
	}
}

func textSet(description string) schema.SetAttribute {
	return schema.SetAttribute{
		Optional: true, ElementType: types.StringType, MarkdownDescription: description,
		Validators: []validator.Set{setvalidator.SizeAtLeast(1)},
	}
}

// httpFrom reads the trigger configuration of the server.
func httpFrom(text *string, prior *httpModel, diags *diag.Diagnostics) *httpModel {
	var c fcapi.HTTPConfig
	if text != nil {
		if err := json.Unmarshal([]byte(*text), &c); err != nil {
			diags.AddAttributeError(path.Root("http"), "The server's trigger configuration cannot be read", capitalize(err.Error())+".")
			return prior
		}
	}
	if prior == nil {
		prior = &httpModel{Methods: types.SetNull(types.StringType)}
	}
	return &httpModel{
		AuthType:           textFrom(c.AuthType, prior.AuthType),
		Methods:            setFrom(c.Methods, prior.Methods),
		DisableURLInternet: types.BoolValue(orZero(c.DisableURLInternet)),
		CORS:               corsFrom(c.CORS, prior.CORS),
	}
}

func corsFrom(c *fcapi.CORS, prior *corsModel) *corsModel {
	if c == nil {
		return nil
	}
	if prior == nil {
		if c.Unset() {
			return nil
		}
		none := types.SetNull(types.StringType)
		prior = &corsModel{none, none, none, none, types.BoolNull(), types.Int64Null()}
	}
	return &corsModel{
		AllowOrigins:     setFrom(c.AllowOrigins, prior.AllowOrigins),
		AllowMethods:     setFrom(c.AllowMethods, prior.AllowMethods),
		AllowHeaders:     setFrom(c.AllowHeaders, prior.AllowHeaders),
		ExposeHeaders:    setFrom(c.ExposeHeaders, prior.ExposeHeaders),
		AllowCredentials: types.BoolValue(orZero(c.AllowCredentials)),
		MaxAge:           types.Int64Value(orZero(c.MaxAge)),
	}
}

func (m *httpModel) to(ctx context.Context, diags *diag.Diagnostics) *string {
	c := fcapi.HTTPConfig{
		AuthType:           known(m.AuthType),
		Methods:            texts(ctx, m.Methods, diags),
		DisableURLInternet: knownBool(m.DisableURLInternet),
	}
	if m.CORS != nil {
		c.CORS = m.CORS.to(ctx, diags)
	}
	text, err := json.Marshal(c)
	if err != nil {
		diags.AddAttributeError(path.Root("http"), "The trigger configuration cannot be written", err.Error())
	}
	return new(string(text))
}

func (m *corsModel) to(ctx context.Context, diags *diag.Diagnostics) *fcapi.CORS {
	return &fcapi.CORS{
		AllowOrigins:     texts(ctx, m.AllowOrigins, diags),
		AllowMethods:     texts(ctx, m.AllowMethods, diags),
		AllowHeaders:     texts(ctx, m.AllowHeaders, diags),
		ExposeHeaders:    texts(ctx, m.ExposeHeaders, diags),
		AllowCredentials: knownBool(m.AllowCredentials),
		MaxAge:           knownInt(m.MaxAge),
	}
}
