package fcapi

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// A create carries up to 100 MB of code; the answer comes after it is stored.
	answerTimeout = 2 * time.Minute
	errorBodyMax  = 64 << 10
)

// transport is the SDK's HTTP client. The SDK reports an error answer that is
// not JSON as a syntax error; transport keeps its status instead.
type transport struct{ client *http.Client }

func newTransport(cfg Config) (*transport, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.Insecure}
	if len(cfg.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(cfg.CA) {
			return nil, errors.New("the CA file holds no PEM certificate")
		}
		secure.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &transport{client: &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       secure,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
	}}}, nil
}

// Call does the request; the transport the SDK offers is left unused.
func (t *transport) Call(req *http.Request, _ *http.Transport) (*http.Response, error) {
	resp, err := t.client.Do(req)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, errorBodyMax))
	closeErr := resp.Body.Close()
	if err := errors.Join(err, closeErr); err != nil {
		return nil, fmt.Errorf("read the %s answer: %w", resp.Status, err)
	}
	if !isObject(body) {
		return nil, foreign(resp)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func isObject(body []byte) bool {
	var object map[string]any
	return json.Unmarshal(body, &object) == nil && object != nil
}

// foreign is the error for an answer that Function Compute cannot have given.
func foreign(resp *http.Response) *Error {
	return &Error{
		Kind:    kindOf("", resp.StatusCode),
		Status:  resp.StatusCode,
		Message: "the answer is not Function Compute's: is there something else, or a proxy, at the endpoint?",
	}
}
