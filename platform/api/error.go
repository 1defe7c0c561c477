package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// The codes of the API's error body.
const (
	CodeInvalidArgument       = "InvalidArgument"
	CodeMissingRequiredHeader = "MissingRequiredHeader"
	CodePathNotSupported      = "PathNotSupported"
	CodeEntityTooLarge        = "EntityTooLarge"
	CodeLimitExceeded         = "LimitExceededError"
	CodeAccessDenied          = "AccessDenied"
	CodeSignatureNotMatch     = "SignatureNotMatch"
	CodeInvalidAccessKeyID    = "InvalidAccessKeyID"
	CodeFunctionNotFound      = "FunctionNotFound"
	CodeTriggerNotFound       = "TriggerNotFound"
	CodeVersionNotFound       = "VersionNotFound"
	CodeAliasNotFound         = "AliasNotFound"
	CodeLayerVersionNotFound  = "LayerVersionNotFound"
	CodeFunctionExists        = "FunctionAlreadyExists"
	CodeTriggerExists         = "TriggerAlreadyExists"
	CodeConcurrentUpdate      = "ConcurrentUpdateError"
	CodeFunctionNotStarted    = "FunctionNotStarted"
	CodeResourceExhausted     = "ResourceExhausted"
	CodeClientClosedRequest   = "ClientClosedRequest"
	CodeInternalServerError   = "InternalServerError"
	CodeBadResponse           = "BadResponse"
	CodeResourceThrottled     = "ResourceThrottled"
	CodeServiceUnavailable    = "ServiceUnavailable"

	// Codes of our own, for what a caller may ask and this release does not do.
	CodeOperationNotSupported      = "OperationNotSupported"
	CodeTriggerTypeNotSupported    = "TriggerTypeNotSupported"
	CodeInvocationTypeNotSupported = "InvocationTypeNotSupported"
	CodeFeatureNotSupported        = "FeatureNotSupported"
)

// StatusClientClosedRequest is answered, to the log alone, when the caller left.
const StatusClientClosedRequest = 499

var statusOf = map[string]int{
	CodeInvalidArgument:            http.StatusBadRequest,
	CodeMissingRequiredHeader:      http.StatusBadRequest,
	CodePathNotSupported:           http.StatusBadRequest,
	CodeEntityTooLarge:             http.StatusBadRequest,
	CodeLimitExceeded:              http.StatusBadRequest,
	CodeAccessDenied:               http.StatusForbidden,
	CodeSignatureNotMatch:          http.StatusForbidden,
	CodeInvalidAccessKeyID:         http.StatusForbidden,
	CodeFunctionNotFound:           http.StatusNotFound,
	CodeTriggerNotFound:            http.StatusNotFound,
	CodeVersionNotFound:            http.StatusNotFound,
	CodeAliasNotFound:              http.StatusNotFound,
	CodeLayerVersionNotFound:       http.StatusNotFound,
	CodeFunctionExists:             http.StatusConflict,
	CodeTriggerExists:              http.StatusConflict,
	CodeConcurrentUpdate:           http.StatusConflict,
	CodeFunctionNotStarted:         http.StatusPreconditionFailed,
	CodeResourceExhausted:          http.StatusTooManyRequests,
	CodeClientClosedRequest:        StatusClientClosedRequest,
	CodeInternalServerError:        http.StatusInternalServerError,
	CodeBadResponse:                http.StatusBadGateway,
	CodeResourceThrottled:          http.StatusServiceUnavailable,
	CodeServiceUnavailable:         http.StatusServiceUnavailable,
	CodeOperationNotSupported:      http.StatusNotImplemented,
	CodeTriggerTypeNotSupported:    http.StatusNotImplemented,
	CodeInvocationTypeNotSupported: http.StatusNotImplemented,
	CodeFeatureNotSupported:        http.StatusNotImplemented,
}

// Error is a failure as the API tells it: an HTTP status and a JSON body.
type Error struct {
	Status    int
	Code      string
	Message   string
	RequestID string
}

// Errorf makes an error of a code, with the status that belongs to it; a code
// this package does not know is a fault of the server.
func Errorf(code, format string, args ...any) *Error {
	status, ok := statusOf[code]
	if !ok {
		status = http.StatusInternalServerError
	}
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidArgument says which field is wrong and what it may be.
func InvalidArgument(field, format string, args ...any) *Error {
	return Errorf(CodeInvalidArgument, "%s: %s", field, fmt.Sprintf(format, args...))
}

// OperationNotSupported says that an operation of the API is not built yet.
func OperationNotSupported(operation string) *Error {
	return Errorf(CodeOperationNotSupported, "operation %s is not supported by this release", operation)
}

// Error implements error.
func (e *Error) Error() string {
	return e.Code + ": " + e.Message
}

// Is makes errors.Is compare codes.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// errorBody carries both spellings of code and message: the second pair is what
// clients of the API's previous generation read.
type errorBody struct {
	RequestID     string `json:"RequestId"`
	Code          string `json:"Code"`
	Message       string `json:"Message"`
	LegacyCode    string `json:"ErrorCode"`
	LegacyMessage string `json:"ErrorMessage"`
}

// MarshalJSON gives the API's error body.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(errorBody{e.RequestID, e.Code, e.Message, e.Code, e.Message})
}

// ParseError reads an error body; what is not one becomes an error that holds
// the status and the beginning of the text.
func ParseError(status int, body []byte) *Error {
	var b errorBody
	if err := json.Unmarshal(body, &b); err == nil && (b.Code != "" || b.LegacyCode != "") {
		if b.Code == "" {
			b.Code, b.Message = b.LegacyCode, b.LegacyMessage
		}
		return &Error{Status: status, Code: b.Code, Message: b.Message, RequestID: b.RequestID}
	}
	const shown = 200
	if len(body) > shown {
		body = body[:shown]
	}
	return &Error{Status: status, Code: CodeBadResponse, Message: fmt.Sprintf("answer is not an API error: %q", body)}
}
