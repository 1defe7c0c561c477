package attr_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/attr"
)

func TestTextsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		check validator.String
		value string
		ok    bool
	}{
		{"a plain name", attr.Name(), "resize-image_2", true},
		{"a name that begins with an underscore", attr.Name(), "_x", true},
		{"a name of one letter", attr.Name(), "x", true},
		{"the longest name", attr.Name(), strings.Repeat("x", 128), true},
		{"a longer one", attr.Name(), strings.Repeat("x", 129), false},
		{"no name", attr.Name(), "", false},
		{"a name that begins with a digit", attr.Name(), "1x", false},
		{"a name that begins with a hyphen", attr.Name(), "-x", false},
		{"a name with a dot", attr.Name(), "a.b", false},
		{"a name with a line break", attr.Name(), "a\n", false},
		{"the longest description", attr.Description(), strings.Repeat("x", 256), true},
		{"a longer one", attr.Description(), strings.Repeat("x", 257), false},
		{"the longest role", attr.Role(), strings.Repeat("x", 300), true},
		{"a longer one", attr.Role(), strings.Repeat("x", 301), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var resp validator.StringResponse
			c.check.ValidateString(t.Context(), validator.StringRequest{
				Path: path.Root("x"), ConfigValue: types.StringValue(c.value),
			}, &resp)
			if resp.Diagnostics.HasError() == c.ok {
				t.Errorf("%q: %v", c.value, resp.Diagnostics)
			}
		})
	}
}
