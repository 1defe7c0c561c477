package provider_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fcstack/fcstack/provider/internal/provider"
)

// object is a configuration as a test writes it: what is left out is null.
type object map[string]any

// unknown stands for a value that only an apply tells.
const unknown = "\x00unknown"

// server is the provider as Terraform talks to it, in this process.
type server struct {
	tfprotov6.ProviderServer
	t      *testing.T
	schema *tfprotov6.GetProviderSchemaResponse
}

func newServer(t *testing.T) *server {
	t.Helper()
	inner, err := providerserver.NewProtocol6WithError(provider.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ProviderServer: inner, t: t}
	if s.schema, err = inner.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	s.must(s.schema.Diagnostics)
	return s
}

// configured is a provider that is connected to an endpoint.
func configured(t *testing.T, endpoint string) *server {
	s := newServer(t)
	s.must(s.configure(object{"endpoint": endpoint, "access_key_id": "known", "access_key_secret": "secret"}))
	return s
}

func (s *server) configure(config object) []*tfprotov6.Diagnostic {
	s.t.Helper()
	resp, err := s.ConfigureProvider(s.t.Context(), &tfprotov6.ConfigureProviderRequest{
		Config: s.dynamic(s.schema.Provider.ValueType(), config),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Diagnostics
}

func (s *server) validate(resource string, config object) []*tfprotov6.Diagnostic {
	s.t.Helper()
	resp, err := s.ValidateResourceConfig(s.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: resource, Config: s.dynamic(s.typeOf(resource), config),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Diagnostics
}

// instance is a resource as Terraform keeps it between two calls.
type instance struct {
	resource string
	state    *tfprotov6.DynamicValue
	private  []byte
}

// plan is a planned change, and what it is a change of.
type plan struct {
	was    instance
	config *tfprotov6.DynamicValue
	*tfprotov6.PlanResourceChangeResponse
}

// fresh is a resource that does not exist yet.
func (s *server) fresh(resource string) instance {
	return instance{resource: resource, state: s.dynamic(s.typeOf(resource), nil)}
}

// plan plans a change of was to config.
func (s *server) plan(was instance, config object) plan {
	s.t.Helper()
	proposed := proposal(s.t, s.schema.ResourceSchemas[was.resource].Block, s.values(was), config)
	p := plan{was: was, config: s.dynamic(s.typeOf(was.resource), config)}
	var err error
	p.PlanResourceChangeResponse, err = s.PlanResourceChange(s.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: was.resource, PriorState: was.state, PriorPrivate: was.private,
		Config: p.config, ProposedNewState: s.dynamic(s.typeOf(was.resource), proposed),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// proposal is the configuration with what it leaves to the provider taken from
// the state, as Terraform puts it to the provider.
func proposal(t *testing.T, block *tfprotov6.SchemaBlock, state map[string]tftypes.Value, config object) object {
	t.Helper()
	out := object{}
	for _, a := range block.Attributes {
		if value, ok := config[a.Name]; ok {
			out[a.Name] = value
		} else if value, ok := state[a.Name]; ok && a.Computed {
			out[a.Name] = value
		}
	}
	for _, b := range block.BlockTypes {
		switch given := config[b.TypeName].(type) {
		case object:
			inner := map[string]tftypes.Value{}
			if value, ok := state[b.TypeName]; ok && !value.IsNull() {
				if err := value.As(&inner); err != nil {
					t.Fatal(err)
				}
			}
			out[b.TypeName] = proposal(t, b.Block, inner, given)
		default:
			out[b.TypeName] = given
		}
	}
	return out
}

// apply carries a plan out and returns what is there afterwards.
func (s *server) apply(p plan) (instance, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	s.must(p.Diagnostics)
	resp, err := s.ApplyResourceChange(s.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: p.was.resource, PriorState: p.was.state, PlannedState: p.PlannedState,
		Config: p.config, PlannedPrivate: p.PlannedPrivate,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return instance{p.was.resource, resp.NewState, resp.Private}, resp.Diagnostics
}

// refresh reads a resource from the server.
func (s *server) refresh(was instance) (instance, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	resp, err := s.ReadResource(s.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: was.resource, CurrentState: was.state, Private: was.private,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return instance{was.resource, resp.NewState, resp.Private}, resp.Diagnostics
}

func (s *server) typeOf(resource string) tftypes.Type {
	return s.schema.ResourceSchemas[resource].ValueType()
}

// values are the top-level values of a state; a state that is null has none.
func (s *server) values(i instance) map[string]tftypes.Value {
	return s.decode(i.resource, i.state)
}

func (s *server) decode(resource string, d *tfprotov6.DynamicValue) map[string]tftypes.Value {
	s.t.Helper()
	value, err := d.Unmarshal(s.typeOf(resource))
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]tftypes.Value{}
	if !value.IsNull() {
		if err := value.As(&out); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

// text is a string attribute: "<null>" and "<unknown>" if it is that.
func text(t *testing.T, values map[string]tftypes.Value, name string) string {
	t.Helper()
	v, ok := values[name]
	switch {
	case !ok || v.IsNull():
		return "<null>"
	case !v.IsKnown():
		return "<unknown>"
	}
	var out string
	if err := v.As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *server) must(diags []*tfprotov6.Diagnostic) {
	s.t.Helper()
	for _, d := range diags {
		s.t.Fatalf("%s: %s: %s", d.Attribute, d.Summary, d.Detail)
	}
}

// wantError wants exactly one error, on an attribute, that mentions a text.
func wantError(t *testing.T, diags []*tfprotov6.Diagnostic, attribute, mention string) {
	t.Helper()
	if len(diags) != 1 {
		t.Fatalf("got %d diagnostics, want 1 on %s: %s", len(diags), attribute, list(diags))
	}
	d := diags[0]
	if got := pathOf(d.Attribute); got != attribute {
		t.Errorf("the error is on %q, want %q: %s", got, attribute, list(diags))
	}
	if all := d.Summary + ": " + d.Detail; !strings.Contains(all, mention) {
		t.Errorf("the error does not mention %q: %s", mention, all)
	}
}

func list(diags []*tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "\n  %s %s: %s: %s", d.Severity, pathOf(d.Attribute), d.Summary, d.Detail)
	}
	return b.String()
}

func pathOf(p *tftypes.AttributePath) string {
	if p == nil {
		return ""
	}
	var out []string
	for _, step := range p.Steps() {
		out = append(out, fmt.Sprint(step))
	}
	return strings.Join(out, ".")
}

func (s *server) dynamic(typ tftypes.Type, v any) *tfprotov6.DynamicValue {
	s.t.Helper()
	d, err := tfprotov6.NewDynamicValue(typ, value(s.t, typ, v))
	if err != nil {
		s.t.Fatal(err)
	}
	return &d
}

// value gives v the type that the schema wants; what is left out is null.
func value(t *testing.T, typ tftypes.Type, v any) tftypes.Value {
	t.Helper()
	if known, ok := v.(tftypes.Value); ok {
		return known
	}
	if v == unknown {
		return tftypes.NewValue(typ, tftypes.UnknownValue)
	}
	switch typ := typ.(type) {
	case tftypes.Object:
		given, ok := v.(object)
		if !ok || given == nil {
			return tftypes.NewValue(typ, nil)
		}
		fields := map[string]tftypes.Value{}
		for name, want := range typ.AttributeTypes {
			fields[name] = value(t, want, given[name])
		}
		return tftypes.NewValue(typ, fields)
	case tftypes.List:
		return elements(t, typ, typ.ElementType, v)
	case tftypes.Set:
		return elements(t, typ, typ.ElementType, v)
	case tftypes.Map:
		given, ok := v.(object)
		if !ok {
			return tftypes.NewValue(typ, nil)
		}
		out := map[string]tftypes.Value{}
		for name, one := range given {
			out[name] = value(t, typ.ElementType, one)
		}
		return tftypes.NewValue(typ, out)
	}
	if n, ok := v.(int); ok {
		return tftypes.NewValue(typ, big.NewFloat(float64(n)))
	}
	if n, ok := v.(float64); ok {
		return tftypes.NewValue(typ, big.NewFloat(n))
	}
	return tftypes.NewValue(typ, v)
}

func elements(t *testing.T, typ, element tftypes.Type, v any) tftypes.Value {
	given, ok := v.([]any)
	if !ok {
		return tftypes.NewValue(typ, nil)
	}
	out := []tftypes.Value{}
	for _, one := range given {
		out = append(out, value(t, element, one))
	}
	return tftypes.NewValue(typ, out)
}
