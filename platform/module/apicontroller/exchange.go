package apicontroller

import (
	"net/http"
	"sync"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

// exchange is one request with its answer. It holds what a call needs, so that a warm
// one allocates little; it is reused when the handler returns.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	id        string
	operation string
	status    int  // of the answer
	begun     bool // its head was written

	upgraded bool // the connection is the function's

	call   fc.Invocation
	body   intake.Body
	upload streamBody
	pass   passResult
	event  eventResult
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func getExchange(w http.ResponseWriter, r *http.Request, id string) *exchange {
	x := exchanges.Get().(*exchange)
	x.w, x.r, x.id = w, r, id
	return x
}

func putExchange(x *exchange) {
	x.body.Close()
	*x = exchange{}
	exchanges.Put(x)
}

// begin writes the head of the answer.
func (x *exchange) begin(status int) {
	x.begun, x.status = true, status
	x.w.WriteHeader(status)
}

// fail answers with an error. If something was answered already, it breaks the
// connection: the caller must not take a part for the whole.
func (x *exchange) fail(e *api.Error) {
	if x.begun {
		panic(http.ErrAbortHandler)
	}
	x.begun, x.status = true, e.Status
	if x.operation == triggerOperation {
		x.w.Header()[errorTypeHeader] = []string{platformError}
	}
	if e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable {
		x.w.Header()["Retry-After"] = []string{"1"}
	}
	writeError(x.w, e)
}
