package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Decode reads the JSON body of a request into v, a struct. Unknown members are
// ignored: newer clients send more. An error names the field that is wrong.
func Decode(body []byte, v any) error {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return InvalidArgument("body", "a JSON object is expected")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(v); err != nil {
		return decodeError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return InvalidArgument("body", "something follows the JSON object")
	}
	return nil
}

func decodeError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		field := wrong.Field
		if field == "" {
			field = "body"
		}
		return InvalidArgument(field, "%s is expected, not a JSON %s", kindName(wrong), wrong.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return InvalidArgument("body", "malformed JSON at byte %d: %v", syntax.Offset, err)
	}
	return InvalidArgument("body", "malformed JSON: %v", err)
}

func kindName(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "int", "int32", "int64":
		return "a whole number"
	case "float32", "float64":
		return "a number"
	case "slice":
		return "a list"
	}
	return "an object"
}
