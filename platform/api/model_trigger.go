package api

// Trigger types the API knows.
const (
	TriggerHTTP        = "http"
	TriggerTimer       = "timer"
	TriggerOSS         = "oss"
	TriggerMNSTopic    = "mns_topic"
	TriggerLog         = "log"
	TriggerCDN         = "cdn_events"
	TriggerTablestore  = "tablestore"
	TriggerEventBridge = "eventbridge"
)

// CreateTriggerInput is the body of CreateTrigger.
type CreateTriggerInput struct {
	TriggerName    string  `json:"triggerName"`
	TriggerType    string  `json:"triggerType"`
	TriggerConfig  string  `json:"triggerConfig"` // JSON text
	Qualifier      *string `json:"qualifier,omitempty"`
	SourceARN      *string `json:"sourceArn,omitempty"`
	InvocationRole *string `json:"invocationRole,omitempty"`
	Description    *string `json:"description,omitempty"`
}

// UpdateTriggerInput is the body of UpdateTrigger: what is nil stays as it is.
type UpdateTriggerInput struct {
	TriggerConfig  *string `json:"triggerConfig,omitempty"` // JSON text
	Qualifier      *string `json:"qualifier,omitempty"`
	InvocationRole *string `json:"invocationRole,omitempty"`
	Description    *string `json:"description,omitempty"`
}

// Trigger is a trigger as the API shows it.
type Trigger struct {
	TriggerName      string       `json:"triggerName"`
	TriggerID        string       `json:"triggerId"`
	TriggerType      string       `json:"triggerType"`
	TriggerConfig    string       `json:"triggerConfig"` // JSON text
	Qualifier        string       `json:"qualifier"`
	SourceARN        string       `json:"sourceArn,omitempty"`
	TargetARN        string       `json:"targetArn"`
	InvocationRole   string       `json:"invocationRole,omitempty"`
	Description      string       `json:"description"`
	Status           string       `json:"status"`
	HTTPTrigger      *HTTPTrigger `json:"httpTrigger,omitempty"`
	CreatedTime      string       `json:"createdTime"`
	LastModifiedTime string       `json:"lastModifiedTime"`
}

// HTTPTrigger are the URLs of an HTTP trigger.
type HTTPTrigger struct {
	URLInternet string `json:"urlInternet"`
	URLIntranet string `json:"urlIntranet"`
}

// ListTriggersOutput is one page of triggers.
type ListTriggersOutput struct {
	Triggers  []Trigger `json:"triggers"`
	NextToken string    `json:"nextToken,omitempty"`
}

// Who may call an HTTP trigger.
const (
	AuthAnonymous = "anonymous"
	AuthFunction  = "function"
	AuthJWT       = "jwt"
)

// HTTPTriggerConfig is the triggerConfig of an HTTP trigger.
type HTTPTriggerConfig struct {
	AuthType           string      `json:"authType,omitempty"`
	Methods            []string    `json:"methods,omitempty"`
	DisableURLInternet bool        `json:"disableURLInternet"`
	AuthConfig         any         `json:"authConfig,omitempty"`
	CORSConfig         *CORSConfig `json:"corsConfig,omitempty"`
}

// CORSConfig is what browsers of other origins may do.
type CORSConfig struct {
	AllowOrigins     []string `json:"allowOrigins,omitempty"`
	AllowMethods     []string `json:"allowMethods,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitempty"`
	ExposeHeaders    []string `json:"exposeHeaders,omitempty"`
	AllowCredentials bool     `json:"allowCredentials,omitempty"`
	MaxAge           int      `json:"maxAge,omitempty"` // seconds
}
