package fcapi

import (
	"context"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
)

// SetTags changes a function's tags from what they were to what they shall be,
// and says whether there was anything to change.
// Tags have operations of their own, by ARN: an update of a function carries none.
func (c *Client) SetTags(ctx context.Context, arn string, was, want map[string]string) (changed bool, err error) {
	var gone []*string
	for key := range was {
		if _, kept := want[key]; !kept {
			gone = append(gone, &key)
		}
	}
	var set []*sdk.Tag
	for key, value := range want {
		if old, ok := was[key]; !ok || old != value {
			set = append(set, &sdk.Tag{Key: &key, Value: &value})
		}
	}
	if err := c.untag(ctx, arn, gone); err != nil {
		return false, err
	}
	return len(gone)+len(set) > 0, c.tag(ctx, arn, set)
}

func (c *Client) tag(ctx context.Context, arn string, tags []*sdk.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	return c.put(ctx, "tag function "+arn, func(ctx context.Context) error {
		req := &sdk.TagResourcesRequest{Body: &sdk.TagResourcesInput{
			ResourceType: new("function"), ResourceId: []*string{&arn}, Tag: tags,
		}}
		_, err := c.sdk.TagResourcesWithContext(ctx, req, headers(), options())
		return err
	})
}

func (c *Client) untag(ctx context.Context, arn string, keys []*string) error {
	if len(keys) == 0 {
		return nil
	}
	return c.put(ctx, "untag function "+arn, func(ctx context.Context) error {
		req := &sdk.UntagResourcesRequest{
			ResourceType: new("function"), ResourceId: []*string{&arn}, TagKey: keys,
		}
		_, err := c.sdk.UntagResourcesWithContext(ctx, req, headers(), options())
		return err
	})
}
