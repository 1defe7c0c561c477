// Package attr holds the validators and plan modifiers that more than one
// resource needs. What a single one needs stays with it.
package attr

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,127}$`)

// Name checks the name of a function or trigger.
func Name() validator.String {
	return stringvalidator.RegexMatches(name,
		"must have 1 to 128 letters, digits, underscores and hyphens and begin with a letter or underscore")
}

// Description checks the free text of a function or trigger.
func Description() validator.String { return stringvalidator.LengthAtMost(256) }

// Role checks the ARN of a role.
func Role() validator.String { return stringvalidator.LengthAtMost(300) }
