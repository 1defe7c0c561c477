package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/fcstack/fcstack/provider/internal/provider"
)

// address is where tfplugindocs looks for the schema of a provider called fc.
const address = "registry.terraform.io/hashicorp/fc"

// object is a JSON object. The ones below are those of
// `terraform providers schema -json`.
type object map[string]any

func providerSchema(ctx context.Context) (object, error) {
	server := providerserver.NewProtocol6(provider.New("docs")())()
	schema, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask for the schema: %w", err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask for the identities: %w", err)
	}
	identity := object{}
	for name, i := range identities.IdentitySchemas {
		identity[name] = identityJSON(i)
	}
	return object{"format_version": "1.0", "provider_schemas": object{address: object{
		"provider":                  schemaJSON(schema.Provider),
		"resource_schemas":          schemasJSON(schema.ResourceSchemas),
		"data_source_schemas":       schemasJSON(schema.DataSourceSchemas),
		"resource_identity_schemas": identity,
	}}}, nil
}

func schemasJSON(schemas map[string]*tfprotov6.Schema) object {
	out := object{}
	for name, s := range schemas {
		out[name] = schemaJSON(s)
	}
	return out
}

func schemaJSON(s *tfprotov6.Schema) object {
	return object{"version": s.Version, "block": blockJSON(s.Block)}
}

func blockJSON(b *tfprotov6.SchemaBlock) object {
	attributes, blocks := object{}, object{}
	for _, a := range b.Attributes {
		attributes[a.Name] = attributeJSON(a)
	}
	for _, n := range b.BlockTypes {
		blocks[n.TypeName] = object{
			"nesting_mode": blockNesting[n.Nesting],
			"block":        blockJSON(n.Block),
			"min_items":    n.MinItems,
			"max_items":    n.MaxItems,
		}
	}
	return object{
		"attributes": attributes, "block_types": blocks,
		"description": b.Description, "description_kind": kind(b.DescriptionKind), "deprecated": b.Deprecated,
	}
}

func attributeJSON(a *tfprotov6.SchemaAttribute) object {
	out := object{
		"description": a.Description, "description_kind": kind(a.DescriptionKind), "deprecated": a.Deprecated,
		"required": a.Required, "optional": a.Optional, "computed": a.Computed, "sensitive": a.Sensitive,
	}
	if a.NestedType == nil {
		out["type"] = a.Type
		return out
	}
	nested := object{}
	for _, n := range a.NestedType.Attributes {
		nested[n.Name] = attributeJSON(n)
	}
	out["nested_type"] = object{"attributes": nested, "nesting_mode": attributeNesting[a.NestedType.Nesting]}
	return out
}

func identityJSON(i *tfprotov6.ResourceIdentitySchema) object {
	attributes := object{}
	for _, a := range i.IdentityAttributes {
		attributes[a.Name] = object{
			"type": a.Type, "description": a.Description,
			"required_for_import": a.RequiredForImport, "optional_for_import": a.OptionalForImport,
		}
	}
	return object{"version": i.Version, "attributes": attributes}
}

var blockNesting = map[tfprotov6.SchemaNestedBlockNestingMode]string{
	tfprotov6.SchemaNestedBlockNestingModeSingle: "single",
	tfprotov6.SchemaNestedBlockNestingModeList:   "list",
	tfprotov6.SchemaNestedBlockNestingModeSet:    "set",
	tfprotov6.SchemaNestedBlockNestingModeMap:    "map",
	tfprotov6.SchemaNestedBlockNestingModeGroup:  "group",
}

var attributeNesting = map[tfprotov6.SchemaObjectNestingMode]string{
	tfprotov6.SchemaObjectNestingModeSingle: "single",
	tfprotov6.SchemaObjectNestingModeList:   "list",
	tfprotov6.SchemaObjectNestingModeSet:    "set",
	tfprotov6.SchemaObjectNestingModeMap:    "map",
}

func kind(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
