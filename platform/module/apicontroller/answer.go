package apicontroller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

const (
	requestIDHeader = "X-Fc-Request-Id"
	errorTypeHeader = "X-Fc-Error-Type"

	// platformError is the error type of what an HTTP trigger's caller gets from the
	// platform instead of the function.
	platformError = "FcCommonError"
)

// newRequestID makes an id like 1-64e70cf1-5cbef92ea8fc8c42899cf5d1: seconds, then chance.
func newRequestID(now time.Time) string {
	const digits = "0123456789abcdef"
	var id [35]byte
	put := func(at, n int, v uint64) {
		for i := at + n - 1; i >= at; i-- {
			id[i] = digits[v&15]
			v >>= 4
		}
	}
	id[0], id[1], id[10] = '1', '-', '-'
	put(2, 8, uint64(now.Unix()))
	put(11, 16, rand.Uint64())
	put(27, 8, rand.Uint64())
	return string(id[:])
}

// kinds maps the platform's kinds of failure to the API's codes, the more particular
// ones first.
var kinds = []struct {
	kind error
	code string
}{
	{fc.ErrFunctionNotFound, api.CodeFunctionNotFound},
	{fc.ErrFunctionExists, api.CodeFunctionExists},
	{fc.ErrTriggerNotFound, api.CodeTriggerNotFound},
	{fc.ErrTriggerExists, api.CodeTriggerExists},
	{fc.ErrVersionNotFound, api.CodeVersionNotFound},
	{fc.ErrAliasNotFound, api.CodeAliasNotFound},
	{fc.ErrInvalid, api.CodeInvalidArgument},
	{fc.ErrForbidden, api.CodeAccessDenied},
	{fc.ErrDisabled, api.CodeAccessDenied},
	{fc.ErrConflict, api.CodeConcurrentUpdate},
	{fc.ErrTooLarge, api.CodeEntityTooLarge},
	{fc.ErrUnsupported, api.CodeFeatureNotSupported},
	{fc.ErrBusy, api.CodeResourceExhausted},
	{fc.ErrNoCapacity, api.CodeResourceThrottled},
	{fc.ErrNotStarted, api.CodeFunctionNotStarted},
	{fc.ErrBadResponse, api.CodeBadResponse},
	{fc.ErrAborted, api.CodeBadResponse},
	{fc.ErrUnavailable, api.CodeServiceUnavailable},
	{fc.ErrGone, api.CodeServiceUnavailable},
	{fc.ErrSaturated, api.CodeServiceUnavailable},
	{fc.ErrStale, api.CodeServiceUnavailable},
	{fc.ErrNotOwner, api.CodeServiceUnavailable},
	{context.Canceled, api.CodeClientClosedRequest},
}

// apiError is how a caller sees err. What has no kind is internal: it is logged in
// full, and the caller gets the request id to ask about.
func (c *Controller) apiError(err error, id, operation string) *api.Error {
	var known *api.Error
	if errors.As(err, &known) {
		e := *known
		e.RequestID = id
		return &e
	}
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			e := api.Errorf(k.code, "%v", err)
			e.RequestID = id
			if operation == triggerOperation && (k.code == api.CodeResourceExhausted || k.code == api.CodeResourceThrottled) {
				e.Message = k.kind.Error() + "; try again" // the rest is not for strangers
			}
			if e.Code == api.CodeServiceUnavailable {
				c.log.Warn("request failed", "operation", operation, "request", id, "err", err)
				e.Message = "the platform is temporarily unavailable, try again; its log has the cause under request id " + id
			}
			return e
		}
	}
	c.log.Error("request failed", "operation", operation, "request", id, "err", err)
	e := api.Errorf(api.CodeInternalServerError, "an internal error occurred; the platform's log has it under request id %s", id)
	e.RequestID = id
	return e
}

// unavailable marks an error of a backend that has no kind: it may be gone for a
// while, and the caller may try again.
func unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	if fc.Code(err) != "Internal" || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w; try again: %w", doing, fc.ErrUnavailable, err)
}

// writeError answers with the API's error body.
func writeError(w http.ResponseWriter, e *api.Error) {
	body, err := json.Marshal(e)
	if err != nil {
		body = []byte(`{"Code":"InternalServerError","Message":"the error cannot be written"}`)
	}
	writeBody(w, e.Status, e.RequestID, body)
}

// Malformed is the answer to a request that is not HTTP enough to be routed.
func (c *Controller) Malformed(status int, reason string) (contentType string, body []byte) {
	e := api.InvalidArgument("request", "%s", reason)
	e.Status, e.RequestID = status, newRequestID(c.now())
	body, err := json.Marshal(e)
	if err != nil {
		return "", nil
	}
	return "application/json", body
}

// writeJSON answers with v, or with no content if there is none.
func writeJSON(w http.ResponseWriter, id string, v any) error {
	if v == nil {
		w.Header()[requestIDHeader] = []string{id}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	writeBody(w, http.StatusOK, id, body)
	return nil
}

func writeBody(w http.ResponseWriter, status int, id string, body []byte) {
	h := w.Header()
	h[requestIDHeader] = []string{id}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // a caller who left is no failure of ours
}
