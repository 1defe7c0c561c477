package fcapi

import (
	"context"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
)

// pageSize is the most the server gives at once.
const pageSize = 100

// Filter narrows a list of functions; an empty member does not.
type Filter struct {
	Prefix  string
	Runtime string
}

// Functions lists all functions that pass the filter, in the order of names.
func (c *Client) Functions(ctx context.Context, filter Filter) ([]Function, error) {
	var all []Function
	for token := ""; ; {
		page, next, err := c.functionPage(ctx, filter, token)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" || next == token {
			return all, nil
		}
		token = next
	}
}

func (c *Client) functionPage(ctx context.Context, filter Filter, token string) ([]Function, string, error) {
	var resp *sdk.ListFunctionsResponse
	err := c.read(ctx, "list functions", func(ctx context.Context) (err error) {
		resp, err = c.sdk.ListFunctionsWithContext(ctx, &sdk.ListFunctionsRequest{
			Prefix:    optional(filter.Prefix),
			Runtime:   optional(filter.Runtime),
			NextToken: optional(token),
			Limit:     new(int32(pageSize)),
		}, headers(), options())
		return err
	})
	if err != nil {
		return nil, "", err
	}
	page, err := convert[struct {
		Functions []Function `json:"functions"`
		NextToken string     `json:"nextToken"`
	}](resp.Body)
	if err != nil {
		return nil, "", err
	}
	return page.Functions, page.NextToken, nil
}
