package apicontroller

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

// Names of what is answered beside the API's operations, for logs and metrics.
const (
	triggerOperation  = "HTTPTrigger"
	downloadOperation = "DownloadCode"
	otherOperation    = "Other"
)

const (
	proxyPath    = "/" + api.Version + "/proxy/"
	downloadPath = "/" + api.Version + "/code-packages/"
)

// handler answers one operation: a value to show, nil for no content, or an error.
type handler func(q *request) (any, error)

// request is a request to the API whose sender is known.
type request struct {
	*http.Request
	id     string
	key    *fc.AccessKey
	sig    *api.Signature
	params [2]string // of the path
	query  url.Values
	body   intake.Body // unless the operation carries code
}

// operations are the operations of the API that this release builds. InvokeFunction is
// not among them: it writes its answer itself.
func (c *Controller) operations() map[string]handler {
	return map[string]handler{
		"CreateFunction":            c.createFunction,
		"GetFunction":               c.getFunction,
		"GetFunctionCode":           c.getFunctionCode,
		"UpdateFunction":            c.updateFunction,
		"DeleteFunction":            c.deleteFunction,
		"ListFunctions":             c.listFunctions,
		"EnableFunctionInvocation":  c.enableInvocation,
		"DisableFunctionInvocation": c.disableInvocation,
		"CreateTrigger":             c.createTrigger,
		"GetTrigger":                c.getTrigger,
		"UpdateTrigger":             c.updateTrigger,
		"DeleteTrigger":             c.deleteTrigger,
		"ListTriggers":              c.listTriggers,
	}
}

const invokeOperation = "InvokeFunction"

// ServeHTTP answers a request: of an HTTP trigger, by host or by path, of a signed
// download, or of the API.
func (c *Controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := getExchange(w, r, newRequestID(c.now()))
	defer c.end(x)
	path := api.RawPath(r)
	if sub, ok := c.subdomain(r.Host); ok {
		x.operation = triggerOperation
		c.serveTrigger(x, sub, target(r), true)
		return
	}
	switch {
	case strings.HasPrefix(path, proxyPath):
		x.operation = triggerOperation
		sub, uri := splitProxyPath(target(r))
		c.serveTrigger(x, sub, uri, false)
	case strings.HasPrefix(path, downloadPath):
		x.operation = downloadOperation
		c.serveDownload(x, path[len(downloadPath):])
	default:
		c.serveAPI(x, path)
	}
}

// end cleans up after an exchange, a panic included. After one the exchange is not used
// again: something may still hold it.
func (c *Controller) end(x *exchange) {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		c.log.Error("panic", "operation", x.operation, "request", x.id, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		if !x.begun {
			x.fail(c.apiError(fmt.Errorf("panic: %v", p), x.id, x.operation))
			c.metrics.count(x.operation, x.status)
			return
		}
	}
	c.metrics.count(x.operation, x.status)
	if p != nil {
		panic(http.ErrAbortHandler) // what was begun must not look complete
	}
	x.cutOff()
	putExchange(x)
}

func (c *Controller) serveAPI(x *exchange, path string) {
	x.operation = otherOperation
	m, err := api.MatchOperation(x.r.Method, path)
	if err != nil {
		x.fail(c.apiError(err, x.id, x.operation))
		return
	}
	x.operation = m.Operation.Name
	sig, key, err := c.authenticate(x.r, false)
	if err != nil {
		x.fail(c.apiError(err, x.id, x.operation))
		return
	}
	if x.operation == invokeOperation {
		err = c.invokeFunction(x, sig, key, m.Params[0])
	} else {
		err = c.manage(x, sig, key, m)
	}
	if err != nil {
		x.fail(c.apiError(err, x.id, x.operation))
	}
}

// manage runs the handler of an operation other than InvokeFunction.
func (c *Controller) manage(x *exchange, sig *api.Signature, key *fc.AccessKey, m api.Match) error {
	handle := c.handlers[m.Operation.Name]
	if handle == nil {
		return api.OperationNotSupported(m.Operation.Name)
	}
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return api.InvalidArgument("query", "%v", err)
	}
	q := &request{Request: x.r, id: x.id, key: key, sig: sig, params: m.Params, query: query}
	defer q.body.Close()
	if !carriesCode(m.Operation) {
		if err := c.take(&q.body, x.r, sig, intake.MaxDocument); err != nil {
			return err
		}
	}
	answer, err := handle(q)
	if err != nil {
		return err
	}
	x.begun, x.status = true, http.StatusOK
	return writeJSON(x.w, x.id, answer)
}

// carriesCode tells the operations whose body may hold a package; they read it
// themselves, as a stream.
func carriesCode(op *api.Operation) bool {
	return op.Name == "CreateFunction" || op.Name == "UpdateFunction"
}

// take reads the whole body of a request and compares it with its signature.
func (c *Controller) take(b *intake.Body, r *http.Request, sig *api.Signature, limit int64) error {
	return b.Take(r.Body, r.ContentLength, sig, intake.Bounds{Limit: limit, TempDir: c.cfg.TempDir})
}

// decode decodes the body into v. An empty one leaves v as it is.
func (q *request) decode(v any) error {
	if q.body.Size() == 0 {
		return nil
	}
	content, err := q.body.Bytes()
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return api.Decode(content, v)
}

// subdomain finds the first label of a host that belongs to HTTP triggers.
func (c *Controller) subdomain(host string) (string, bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, suffix := range c.suffixes {
		if sub, ok := strings.CutSuffix(host, suffix); ok && sub != "" && strings.IndexByte(sub, '.') < 0 {
			return sub, true
		}
	}
	return "", false
}

// target is path and query as sent.
func target(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// splitProxyPath takes /2023-03-30/proxy/<subdomain>/<rest>?<query> apart.
func splitProxyPath(target string) (subdomain, uri string) {
	rest := target[len(proxyPath):]
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		return rest, "/"
	}
	if rest[end] == '?' {
		return rest[:end], "/" + rest[end:]
	}
	return rest[:end], rest[end:]
}
