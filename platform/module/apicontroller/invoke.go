package apicontroller

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

// invokeFunction answers InvokeFunction. The event is read whole and compared with the
// signature first: a tampered one never reaches a function.
func (c *Controller) invokeFunction(x *exchange, sig *api.Signature, key *fc.AccessKey, function string) error {
	tail, err := callOptions(x.r.Header)
	if err != nil {
		return err
	}
	qualifier, err := qualifierOf(x.r.URL.RawQuery)
	if err != nil {
		return err
	}
	v, err := c.deps.View.Resolve(key.Account, function, qualifier)
	if err != nil {
		return err
	}
	if err := c.take(&x.body, x.r, sig, api.MaxEvent); err != nil {
		return err
	}
	x.call = fc.Invocation{
		RequestID: x.id, Account: key.Account, Function: function, Qualifier: v.Qualifier, Version: v,
		Kind: fc.EventCall, Tail: tail, Body: x.body.Reader(), Size: x.body.Size(),
	}
	x.event = eventResult{x: x, version: v}
	err = c.deps.Calls.Run(x.r.Context(), &x.call, &x.event)
	if failure := functionFailure(err); failure != nil && !x.begun {
		c.writeFailure(x, v, failure)
		return nil
	}
	return err
}

// qualifierOf finds the qualifier in a query; most calls have none.
func qualifierOf(rawQuery string) (string, error) {
	if rawQuery == "" {
		return "", nil
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", api.InvalidArgument("query", "%v", err)
	}
	return query.Get("qualifier"), nil
}

// callOptions reads the headers that say how a function is called.
func callOptions(h http.Header) (tail bool, err error) {
	switch t := one(h, "X-Fc-Invocation-Type"); t {
	case "", "Sync":
	case "Async":
		return false, api.Errorf(api.CodeInvocationTypeNotSupported, "x-fc-invocation-type: asynchronous invocation is not supported by this release")
	default:
		return false, api.InvalidArgument("x-fc-invocation-type", "%q is neither Sync nor Async", t)
	}
	switch t := one(h, "X-Fc-Log-Type"); t {
	case "", "None":
	case "Tail":
		tail = true
	default:
		return false, api.InvalidArgument("x-fc-log-type", "%q is neither None nor Tail", t)
	}
	return tail, nil
}

func one(h http.Header, canonical string) string {
	if v := h[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// functionFailure finds a failure of the function's own: to come up, but for a port
// that never opened, which is an error of the platform.
func functionFailure(err error) *fc.Failure {
	var f *fc.Failure
	if !errors.As(err, &f) || errors.Is(f, fc.ErrNotStarted) {
		return nil
	}
	return f
}

// writeFailure answers an InvokeFunction whose function did not come up. That is an
// answer like any other; the error type tells it apart.
func (c *Controller) writeFailure(x *exchange, v *fc.Version, f *fc.Failure) {
	out := x.w.Header()
	setCallHeaders(out, x.id, v, failureHead(f, x.call.Tail))
	out["Content-Type"] = []string{"application/json"}
	out["Content-Length"] = []string{strconv.Itoa(len(f.Body))}
	x.begin(http.StatusOK)
	x.w.Write(f.Body) //nolint:errcheck // a caller who left is no failure of ours
}

func failureHead(f *fc.Failure, tail bool) fc.Head {
	h := fc.Head{ErrorType: f.ErrorType, Size: int64(len(f.Body))}
	if h.ErrorType == "" {
		h.ErrorType = fc.UnhandledInvocationError
	}
	if tail {
		h.LogTail = f.LogTail
	}
	return h
}
