package harness

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/tea"
)

// export is the exported value whose name ends with suffix.
func export(exports map[string]string, suffix string) string {
	for name, value := range exports {
		if strings.HasSuffix(name, suffix) {
			return value
		}
	}
	return ""
}

// endpoint is the exported endpoint as a URL, "" if there is none yet.
func endpoint(exports map[string]string) string {
	value := strings.TrimRight(export(exports, "ENDPOINT"), "/")
	if value != "" && !strings.Contains(value, "://") {
		value = "http://" + value
	}
	return value
}

// Key is the id of the first access key.
func (p *Platform) Key() string { return export(p.Exports, "ACCESS_KEY_ID") }

// Secret is the secret of the first access key.
func (p *Platform) Secret() string { return export(p.Exports, "ACCESS_KEY_SECRET") }

// Host is host and port of the endpoint.
func (p *Platform) Host() string {
	_, host, _ := strings.Cut(p.URL, "://")
	return host
}

// Environ is the exports as NAME=VALUE, for the commands of a test.
func (p *Platform) Environ() []string {
	var env []string
	for name, value := range p.Exports {
		env = append(env, name+"="+value)
	}
	return env
}

// Client makes an official SDK client with the first access key.
func (p *Platform) Client() (*sdk.Client, error) { return p.ClientAs(p.Key(), p.Secret()) }

// ClientAs makes an official SDK client with the given access key.
func (p *Platform) ClientAs(key, secret string) (*sdk.Client, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, fmt.Errorf("endpoint of the platform: %w", err)
	}
	return sdk.NewClient(&openapi.Config{
		AccessKeyId:     &key,
		AccessKeySecret: &secret,
		Endpoint:        &u.Host,
		Protocol:        &u.Scheme,
		RegionId:        new(export(p.Exports, "REGION")),
		HttpClient:      httpClient{},
	})
}

// httpClient sends the SDK's requests. The SDK's own writes to one client that all calls
// to a host share, and the race detector is right to say so.
type httpClient struct{}

// Call implements the SDK's interface; the transport that the SDK offers is not used.
func (httpClient) Call(r *http.Request, _ *http.Transport) (*http.Response, error) {
	return http.DefaultClient.Do(r)
}

// APIError is what the platform answered to a call that it refused.
type APIError struct {
	Status  int
	Code    string
	Message string
}

// ErrorOf reads the platform's answer out of an error of the SDK. Its zero value means
// that err is nil or no answer at all.
func ErrorOf(err error) APIError {
	var e *tea.SDKError
	if !errors.As(err, &e) {
		return APIError{}
	}
	return APIError{Status: tea.IntValue(e.StatusCode), Code: tea.StringValue(e.Code), Message: tea.StringValue(e.Message)}
}
