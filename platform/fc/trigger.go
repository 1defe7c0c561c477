package fc

import "time"

// TriggerHTTP is the type of a trigger that gives a function a URL.
const TriggerHTTP = "http"

// Trigger is one way a function is called. Triggers are unique by name within a function.
type Trigger struct {
	Account     string
	Function    string
	Name        string
	ID          string // UUID
	Type        string
	Qualifier   string
	Config      string // JSON text as given
	Description string
	Role        string // invocation role
	SourceARN   string

	Subdomain string       // http: first label of its host; unique in the installation
	HTTP      *HTTPTrigger // http: Config, understood

	Created  time.Time
	Modified time.Time
	Revision int64 // set by the store
}

// HTTPTrigger is the configuration of an http trigger.
type HTTPTrigger struct {
	AuthType        string   // anonymous or function
	Methods         []string // allowed ones
	DisableInternet bool     // the public URL answers 403
	CORS            *CORS
}

// CORS is what the platform answers to cross-origin requests.
type CORS struct {
	AllowOrigins     []string
	AllowMethods     []string
	AllowHeaders     []string
	ExposeHeaders    []string
	AllowCredentials bool
	MaxAge           int // seconds
}

// AccessKey is a credential of an account.
type AccessKey struct {
	ID       string
	Secret   string // never logged
	Account  string
	Disabled bool
	Created  time.Time
	Revision int64 // set by the store
}

// Account owns functions and keys.
type Account struct {
	ID      string // decimal digits
	Name    string
	Created time.Time
}
