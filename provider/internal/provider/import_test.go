package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// imported imports a resource and reads it, as Terraform does.
func (s *server) imported(resource, id string, identity map[string]string) (instance, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	req := &tfprotov6.ImportResourceStateRequest{TypeName: resource, ID: id}
	if identity != nil {
		req.Identity = s.identity(identity)
	}
	resp, err := s.ImportResourceState(s.t.Context(), req)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(resp.Diagnostics) > 0 {
		return instance{}, resp.Diagnostics
	}
	one := resp.ImportedResources[0]
	return s.refresh(instance{resource: resource, state: one.State, private: one.Private})
}

func (s *server) identity(values map[string]string) *tfprotov6.ResourceIdentityData {
	types, fields := map[string]tftypes.Type{}, map[string]tftypes.Value{}
	for name, text := range values {
		types[name], fields[name] = tftypes.String, tftypes.NewValue(tftypes.String, text)
	}
	object := tftypes.Object{AttributeTypes: types}
	data, err := tfprotov6.NewDynamicValue(object, tftypes.NewValue(object, fields))
	if err != nil {
		s.t.Fatal(err)
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: &data}
}

func TestResourcesAreImportedByIDAndByIdentity(t *testing.T) {
	clean(t)
	s := configured(t, startFake(t).URL)
	f, diags := s.apply(s.plan(s.fresh("fc_function"), function(t, object{"description": "d"})))
	s.must(diags)
	w, diags := s.apply(s.plan(s.fresh("fc_trigger"), trigger(object{"http": open})))
	s.must(diags)
	for _, c := range []struct {
		name     string
		want     instance
		id       string
		identity map[string]string
	}{
		{"a function by ID", f, "hello", nil},
		{"a function by identity", f, "", map[string]string{"function_name": "hello"}},
		{"a trigger by ID", w, "hello:web", nil},
		{"a trigger by identity", w, "", map[string]string{"function_name": "hello", "trigger_name": "web"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, diags := s.imported(c.want.resource, c.id, c.identity)
			s.must(diags)
			is, want := s.values(got), s.values(c.want)
			for name := range want {
				if name != "package_dir" && !is[name].Equal(want[name]) {
					t.Errorf("%s is %s, want %s", name, is[name], want[name])
				}
			}
		})
	}
	t.Run("what is not the ID of a trigger is refused", func(t *testing.T) {
		for _, id := range []string{"hello", "hello:", ":web"} {
			_, diags := s.imported("fc_trigger", id, nil)
			wantError(t, diags, "", "<function name>:<trigger name>")
		}
	})
	t.Run("what does not exist is refused", func(t *testing.T) {
		gone, diags := s.imported("fc_function", "nobody", nil)
		if len(diags) == 0 && len(s.values(gone)) > 0 || strings.Contains(list(diags), "always an issue") {
			t.Errorf("the import gave %v %s", s.values(gone), list(diags))
		}
	})
}
