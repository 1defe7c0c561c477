// Package fcapi is the provider's view of the Function Compute API: the
// official SDK behind plain types, error kinds and bounded retries. It knows
// nothing of Terraform; what a diff means is decided in package provider.
package fcapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/dara"
)

// Config says where the server is and who asks.
type Config struct {
	Endpoint        *url.URL // http or https, host and port, no path
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string // empty: a permanent key
	Region          string
	CA              []byte // PEM certificates trusted besides the system's
	Insecure        bool   // accept any certificate
	UserAgent       string
}

// Client calls one endpoint with one set of credentials. It is safe for
// concurrent use. Every error it returns is an *Error.
type Client struct {
	sdk      *sdk.Client
	endpoint string
	keyID    string
	retry    retry
}

// New makes a client and asks the server nothing; see Check.
func New(cfg Config) (*Client, error) {
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	inner, err := sdk.NewClient(&openapi.Config{
		AccessKeyId:     &cfg.AccessKeyID,
		AccessKeySecret: &cfg.AccessKeySecret,
		SecurityToken:   optional(cfg.SecurityToken),
		RegionId:        optional(cfg.Region),
		Endpoint:        &cfg.Endpoint.Host,
		Protocol:        &cfg.Endpoint.Scheme,
		UserAgent:       optional(cfg.UserAgent),
		HttpClient:      transport,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the SDK: %w", err)
	}
	inner.Client.DisableSDKError = new(true) // give errors as they are, causes included
	return &Client{
		sdk:      inner,
		endpoint: cfg.Endpoint.String(),
		keyID:    cfg.AccessKeyID,
		retry:    retry{attempts: 4, first: 250 * time.Millisecond, most: 4 * time.Second},
	}, nil
}

// Endpoint is the URL the client was made with.
func (c *Client) Endpoint() string { return c.endpoint }

// Check makes one small call to tell whether the server answers and accepts
// the credentials. A key that may not list functions passes: it is known.
func (c *Client) Check(ctx context.Context) error {
	err := c.read(ctx, "check the credentials", func(ctx context.Context) error {
		_, err := c.sdk.ListFunctionsWithContext(ctx, &sdk.ListFunctionsRequest{Limit: new(int32(1))}, headers(), options())
		return err
	})
	if errors.Is(err, ErrForbidden) {
		return nil
	}
	return err
}

// headers and options are made anew for every call: the SDK writes to them.
func headers() map[string]*string { return map[string]*string{} }

func options() *dara.RuntimeOptions { return &dara.RuntimeOptions{} }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// convert turns a value into another type with the same JSON form. The SDK's
// models and the plain types here share their member names.
func convert[T any](from any) (*T, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", from, err)
	}
	to := new(T)
	if err := json.Unmarshal(text, to); err != nil {
		return nil, fmt.Errorf("decode %T: %w", to, err)
	}
	return to, nil
}
