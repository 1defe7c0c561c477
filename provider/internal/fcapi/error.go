package fcapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/alibabacloud-go/tea/dara"
)

// The kinds of failure. What fits none of them has kind ErrInternal.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrInvalid     = errors.New("invalid argument")
	ErrCredentials = errors.New("credentials not accepted")
	ErrForbidden   = errors.New("not permitted")
	ErrThrottled   = errors.New("too many requests")
	ErrUnsupported = errors.New("not supported by this server")
	ErrUnreachable = errors.New("endpoint cannot be reached")
	ErrUnavailable = errors.New("server cannot answer now")
	ErrConflict    = errors.New("conflict")
	ErrInternal    = errors.New("internal error")
)

// Error is a call that went wrong: what was tried, and what came back.
type Error struct {
	Op        string // what was being done, such as "create function hello"
	Kind      error  // one of the kinds above
	Code      string // the server's word, empty if it did not answer
	Message   string
	RequestID string
	Status    int   // 0 if the server did not answer
	Cause     error // set if the server did not answer
	sent      bool  // the request may have reached the server
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.text())
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.RequestID != "" {
		b.WriteString(" [request " + e.RequestID + "]")
	}
	return b.String()
}

func (e *Error) text() string {
	switch {
	case e.Message != "":
		return e.Message
	case e.Cause != nil:
		return fmt.Sprintf("%v: %v", e.Kind, e.Cause)
	default:
		return e.Kind.Error()
	}
}

// Unwrap gives the kind, and the cause if there is one.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// kinds maps the server's codes; a status decides where the code is unknown.
var kinds = map[string]error{
	"InvalidAccessKeyID":    ErrCredentials,
	"SignatureNotMatch":     ErrCredentials,
	"AccessDenied":          ErrForbidden,
	"LimitExceededError":    ErrInvalid,
	"ResourceExhausted":     ErrThrottled,
	"ResourceThrottled":     ErrThrottled,
	"ConcurrentUpdateError": ErrConflict,
}

func kindOf(code string, status int) error {
	if kind, ok := kinds[code]; ok {
		return kind
	}
	switch {
	case strings.HasSuffix(code, "AlreadyExists"):
		return ErrExists
	case strings.HasPrefix(code, "Throttling"), status == http.StatusTooManyRequests:
		return ErrThrottled
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusUnauthorized:
		return ErrCredentials
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusConflict:
		return ErrConflict
	case status == http.StatusNotImplemented:
		return ErrUnsupported
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return ErrUnavailable
	case status >= 400 && status < 500:
		return ErrInvalid
	default:
		return ErrInternal
	}
}

// classify turns whatever the SDK returned into an *Error.
func classify(op string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		out := *own
		out.Op, out.sent = op, true
		return &out
	}
	var answer dara.ResponseError
	if errors.As(err, &answer) && dara.IntValue(answer.GetStatusCode()) > 0 {
		return answered(op, answer)
	}
	return unanswered(op, err)
}

func answered(op string, err dara.ResponseError) *Error {
	code, status, data := dara.StringValue(err.GetCode()), dara.IntValue(err.GetStatusCode()), err.GetData()
	return &Error{
		Op:        op,
		Kind:      kindOf(code, status),
		Code:      code,
		Message:   member(data, "Message", "message"),
		RequestID: member(data, "RequestId", "requestId"),
		Status:    status,
		sent:      true,
	}
}

func unanswered(op string, err error) *Error {
	out := &Error{Op: op, Kind: ErrInternal, Cause: err, sent: true}
	var wrapped *url.Error
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		out.Kind = context.Canceled
	case errors.As(err, &wrapped):
		// The URL repeats what the diagnostic already names.
		out.Kind, out.Cause = ErrUnreachable, wrapped.Err
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		out.Kind = ErrUnreachable
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		out.sent = false
	}
	return out
}

func member(data map[string]any, names ...string) string {
	for _, name := range names {
		if text, ok := data[name].(string); ok {
			return text
		}
	}
	return ""
}
