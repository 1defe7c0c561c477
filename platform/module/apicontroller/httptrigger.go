package apicontroller

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

// serveTrigger answers a request to the URL of a function. uri is the path and query
// that the function sees.
func (c *Controller) serveTrigger(x *exchange, subdomain, uri string, byHost bool) {
	if err := c.trigger(x, subdomain, uri, byHost); err != nil {
		x.fail(c.apiError(err, x.id, x.operation))
	}
}

func (c *Controller) trigger(x *exchange, subdomain, uri string, byHost bool) error {
	t, ok := c.deps.View.Route(subdomain)
	if !ok || t.HTTP == nil {
		return api.Errorf(api.CodeTriggerNotFound, "no http trigger has the subdomain %q", subdomain)
	}
	if byHost && t.HTTP.DisableInternet {
		return api.Errorf(api.CodeAccessDenied, "the public URL of trigger %q is disabled", t.Name)
	}
	if err := checkRequest(x.r); err != nil {
		return err
	}
	allowed := slices.Contains(t.HTTP.Methods, x.r.Method)
	if isPreflight(x.r) && (t.HTTP.CORS != nil || !allowed) {
		answerPreflight(x, t.HTTP)
		return nil
	}
	if !allowed {
		return api.Errorf(api.CodeAccessDenied, "method %s is not allowed, trigger %q allows %s", x.r.Method, t.Name, strings.Join(t.HTTP.Methods, ", "))
	}
	var sig *api.Signature
	if t.HTTP.AuthType != api.AuthAnonymous {
		var err error
		if sig, err = c.authorize(x.r, t); err != nil {
			return err
		}
	}
	return c.callTrigger(x, t, sig, uri)
}

// authorize lets in whoever signed the request with a key of the function's account.
func (c *Controller) authorize(r *http.Request, t *fc.Trigger) (*api.Signature, error) {
	if r.Header["Authorization"] == nil {
		return nil, api.Errorf(api.CodeAccessDenied, "trigger %q takes signed requests only: header Authorization is absent", t.Name)
	}
	sig, key, err := c.authenticate(r, true)
	if err != nil {
		return nil, err
	}
	if key.Account != t.Account {
		return nil, api.Errorf(api.CodeAccessDenied, "access key %q is of another account", key.ID)
	}
	return sig, nil
}

func (c *Controller) callTrigger(x *exchange, t *fc.Trigger, sig *api.Signature, uri string) error {
	tail, err := callOptions(x.r.Header)
	if err != nil {
		return err
	}
	v, err := c.deps.View.Resolve(t.Account, t.Function, t.Qualifier)
	if err != nil {
		return err
	}
	dropClientHeaders(x.r.Header)
	x.call = fc.Invocation{
		RequestID: x.id, Account: t.Account, Function: t.Function, Qualifier: v.Qualifier, Version: v,
		Kind: fc.HTTPCall, Tail: tail,
		Method: x.r.Method, URI: uri, Host: x.r.Host, Header: x.r.Header, Remote: x.r.RemoteAddr, Secure: x.r.TLS != nil,
	}
	if kind := v.Runtime.Kind(); kind == fc.Builtin || kind == fc.GoBinary {
		return c.callWithEvent(x, t, sig)
	}
	return c.pass(x, t, sig)
}

// checkRequest refuses what is too large to be passed on.
func checkRequest(r *http.Request) error {
	if len(r.RequestURI) > api.MaxTargetBytes {
		return api.InvalidArgument("path", "path and query of %d bytes are longer than %d", len(r.RequestURI), api.MaxTargetBytes)
	}
	size := 0
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > api.MaxHeaderBytes {
		return api.InvalidArgument("headers", "%d bytes in all are more than %d", size, api.MaxHeaderBytes)
	}
	if r.ContentLength > api.MaxEvent {
		return intake.TooLarge(api.MaxEvent)
	}
	return nil
}

// dropClientHeaders removes the headers that only the platform may send to a function.
func dropClientHeaders(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "X-Fc-") {
			delete(h, name)
		}
	}
}

// pass hands the request on as it is, its body as a stream. Only a body whose hash was
// signed is read first, so that a tampered one never reaches the function.
func (c *Controller) pass(x *exchange, t *fc.Trigger, sig *api.Signature) error {
	if x.r.Body != nil && x.r.Body != http.NoBody {
		if err := c.passBody(x, sig); err != nil {
			return err
		}
	}
	x.pass = passResult{x: x, trigger: t, origin: one(x.r.Header, "Origin")}
	err := c.deps.Calls.Run(x.r.Context(), &x.call, &x.pass)
	if err == nil || x.pass.refused {
		return nil
	}
	if x.upload.left < 0 {
		return intake.TooLarge(api.MaxEvent)
	}
	if failure := functionFailure(err); failure != nil && !x.begun {
		return c.writeTriggerFailure(x, failureHead(failure, x.call.Tail), failure.Body)
	}
	return x.brokenOff(err)
}

// brokenOff tells a function that went away in the middle of its answer from what else
// may be wrong.
func (x *exchange) brokenOff(err error) error {
	if errors.Is(err, fc.ErrAborted) && !x.begun {
		e := api.Errorf(api.CodeBadResponse, "%v", err)
		e.RequestID = x.id
		x.begun, x.status = true, e.Status
		x.w.Header()[errorTypeHeader] = []string{fc.UnhandledInvocationError}
		writeError(x.w, e)
		return nil
	}
	return err
}

func (c *Controller) passBody(x *exchange, sig *api.Signature) error {
	if sig != nil && (sig.ContentSHA256 != "" || sig.ContentMD5 != "") {
		if err := c.take(&x.body, x.r, sig, api.MaxEvent); err != nil {
			return err
		}
		x.call.Body, x.call.Size = x.body.Reader(), x.body.Size()
		return nil
	}
	if err := x.stream(); err != nil {
		return fmt.Errorf("answer while reading: %w", err)
	}
	return nil
}

const (
	eventMemory = 1 << 30 // for all large bodies that become events at a time
	eventCost   = 3       // bytes in memory for each byte of such a body
)

// callWithEvent makes an event of the request, and HTTP of the function's answer.
func (c *Controller) callWithEvent(x *exchange, t *fc.Trigger, sig *api.Signature) error {
	if err := c.take(&x.body, x.r, sig, api.MaxEvent); err != nil {
		return err
	}
	// Anybody may send a large body, and its event is a few times as large.
	if x.body.Size() > intake.InMemory {
		weight := min(eventCost*x.body.Size(), eventMemory)
		if !c.memory.TryAcquire(weight) {
			return api.Errorf(api.CodeResourceExhausted, "too many large requests at a time; try again")
		}
		defer c.memory.Release(weight)
	}
	content, err := x.body.Bytes()
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	request := api.HTTPRequest{
		Method: x.r.Method, URI: x.call.URI, Host: x.r.Host, Protocol: x.r.Proto, Header: x.r.Header, Body: content,
		SourceIP: sourceIP(x.r.RemoteAddr), AccountID: t.Account, RequestID: x.id, TriggerID: t.ID, Time: c.now(),
	}
	event, err := request.Event()
	if err != nil {
		return err
	}
	x.call.Kind = fc.EventCall
	x.call.Body, x.call.Size = x.body.Replace(event), int64(len(event))
	x.event = eventResult{x: x, version: x.call.Version, hold: true}
	if err := c.deps.Calls.Run(x.r.Context(), &x.call, &x.event); err != nil {
		if failure := functionFailure(err); failure != nil {
			return c.writeTriggerFailure(x, failureHead(failure, x.call.Tail), failure.Body)
		}
		return x.brokenOff(err)
	}
	if x.event.head.ErrorType != "" {
		return c.writeTriggerFailure(x, x.event.head, x.event.answer())
	}
	return c.writeTriggerAnswer(x, t)
}

func sourceIP(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// writeTriggerAnswer turns what a built-in runtime's function returned into HTTP.
func (c *Controller) writeTriggerAnswer(x *exchange, t *fc.Trigger) error {
	answer, err := api.ParseHTTPResponse(x.event.answer())
	if err != nil {
		return api.Errorf(api.CodeBadResponse, "%v", err)
	}
	out := x.w.Header()
	for name, values := range answer.Header {
		out[name] = values
	}
	if err := filterAnswer(out); err != nil {
		clear(out)
		return err
	}
	x.identify(out)
	setOutcome(out, x.event.head)
	setCORS(out, t.HTTP.CORS, one(x.r.Header, "Origin"))
	if !bodyAllowed(answer.StatusCode) {
		x.begin(answer.StatusCode)
		return nil
	}
	out["Content-Length"] = []string{strconv.Itoa(len(answer.Body))}
	x.begin(answer.StatusCode)
	x.w.Write(answer.Body) //nolint:errcheck // a caller who left is no failure of ours
	return nil
}

// writeTriggerFailure tells the caller of a URL that the function failed.
func (c *Controller) writeTriggerFailure(x *exchange, h fc.Head, body []byte) error {
	out := x.w.Header()
	x.identify(out)
	setOutcome(out, h)
	out["Content-Type"] = []string{"application/json"}
	out["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.begin(http.StatusBadGateway)
	x.w.Write(body) //nolint:errcheck // a caller who left is no failure of ours
	return nil
}
