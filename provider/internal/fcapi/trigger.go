package fcapi

import (
	"context"
	"errors"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
)

// TriggerInput is what a trigger can be told to be. A nil member is left as
// the server has it.
type TriggerInput struct {
	TriggerName    *string `json:"triggerName,omitempty"`
	TriggerType    *string `json:"triggerType,omitempty"`
	TriggerConfig  *string `json:"triggerConfig,omitempty"` // JSON text
	Qualifier      *string `json:"qualifier,omitempty"`
	SourceARN      *string `json:"sourceArn,omitempty"`
	InvocationRole *string `json:"invocationRole,omitempty"`
	Description    *string `json:"description,omitempty"`
}

// Trigger is a trigger as the server describes it.
type Trigger struct {
	TriggerInput
	TriggerID        string `json:"triggerId"`
	TargetARN        string `json:"targetArn"`
	Status           string `json:"status"`
	CreatedTime      string `json:"createdTime"`
	LastModifiedTime string `json:"lastModifiedTime"`
	HTTP             *URLs  `json:"httpTrigger,omitempty"`
}

// URLs are where a trigger of type http is called.
type URLs struct {
	Internet string `json:"urlInternet"`
	Intranet string `json:"urlIntranet"`
}

// HTTPConfig is the trigger configuration of type http, in its JSON form.
type HTTPConfig struct {
	AuthType           *string  `json:"authType,omitempty"`
	Methods            []string `json:"methods,omitempty"`
	DisableURLInternet *bool    `json:"disableURLInternet,omitempty"`
	CORS               *CORS    `json:"corsConfig,omitempty"`
}

// CORS is what the platform answers to other origins.
type CORS struct {
	AllowOrigins     []string `json:"allowOrigins,omitempty"`
	AllowMethods     []string `json:"allowMethods,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitempty"`
	ExposeHeaders    []string `json:"exposeHeaders,omitempty"`
	AllowCredentials *bool    `json:"allowCredentials,omitempty"`
	MaxAge           *int64   `json:"maxAge,omitempty"` // seconds
}

// Trigger returns a trigger of a function.
func (c *Client) Trigger(ctx context.Context, function, name string) (*Trigger, error) {
	var resp *sdk.GetTriggerResponse
	err := c.read(ctx, "read trigger "+function+":"+name, func(ctx context.Context) (err error) {
		resp, err = c.sdk.GetTriggerWithContext(ctx, &function, &name, headers(), options())
		return err
	})
	if err != nil {
		return nil, err
	}
	return convert[Trigger](resp.Body)
}

// CreateTrigger creates a trigger of a function.
func (c *Client) CreateTrigger(ctx context.Context, function string, in *TriggerInput) (*Trigger, error) {
	body, err := convert[sdk.CreateTriggerInput](in)
	if err != nil {
		return nil, err
	}
	var resp *sdk.CreateTriggerResponse
	err = c.create(ctx, "create trigger "+function+":"+*in.TriggerName, func(ctx context.Context) (err error) {
		resp, err = c.sdk.CreateTriggerWithContext(ctx, &function, &sdk.CreateTriggerRequest{Body: body}, headers(), options())
		return err
	})
	if err != nil {
		return nil, err
	}
	return convert[Trigger](resp.Body)
}

// UpdateTrigger changes what in gives and leaves the rest.
func (c *Client) UpdateTrigger(ctx context.Context, function, name string, in *TriggerInput) (*Trigger, error) {
	body, err := convert[sdk.UpdateTriggerInput](in)
	if err != nil {
		return nil, err
	}
	var resp *sdk.UpdateTriggerResponse
	err = c.put(ctx, "update trigger "+function+":"+name, func(ctx context.Context) (err error) {
		resp, err = c.sdk.UpdateTriggerWithContext(ctx, &function, &name, &sdk.UpdateTriggerRequest{Body: body}, headers(), options())
		return err
	})
	if err != nil {
		return nil, err
	}
	return convert[Trigger](resp.Body)
}

// DeleteTrigger deletes a trigger; one that is gone already is no error.
func (c *Client) DeleteTrigger(ctx context.Context, function, name string) error {
	err := c.put(ctx, "delete trigger "+function+":"+name, func(ctx context.Context) error {
		_, err := c.sdk.DeleteTriggerWithContext(ctx, &function, &name, headers(), options())
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Unset says whether the server has no CORS settings; it may still report them
// as an empty object.
func (c *CORS) Unset() bool {
	return c == nil || len(c.AllowOrigins)+len(c.AllowMethods)+len(c.AllowHeaders)+len(c.ExposeHeaders) == 0 &&
		(c.AllowCredentials == nil || !*c.AllowCredentials) && (c.MaxAge == nil || *c.MaxAge == 0)
}
