package api

import (
	"encoding/json"
	"slices"
	"strings"
)

var triggerTypes = []string{
	TriggerHTTP, TriggerTimer, TriggerOSS, TriggerMNSTopic, TriggerLog, TriggerCDN, TriggerTablestore, TriggerEventBridge,
}

// HTTPMethods are the methods an HTTP trigger may allow.
var HTTPMethods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}

// Validate checks the input against the limits of the API, the configuration's
// text apart: what it may hold depends on the type, see ParseHTTPTriggerConfig.
func (in *CreateTriggerInput) Validate() error {
	var c checks
	c.name("triggerName", in.TriggerName)
	if in.TriggerType == "" {
		c.fail("triggerType", "a type is required, one of %s", strings.Join(triggerTypes, ", "))
	}
	c.oneOf("triggerType", in.TriggerType, triggerTypes...)
	if strings.TrimSpace(in.TriggerConfig) == "" {
		c.fail("triggerConfig", "the text of a JSON object is required")
	}
	if in.Qualifier != nil {
		c.length("qualifier", *in.Qualifier, 0, 128)
	}
	c.text("sourceArn", in.SourceARN, 0, 300)
	c.text("invocationRole", in.InvocationRole, 0, 300)
	c.text("description", in.Description, 0, 256)
	return c.err
}

// Validate checks the members that are given.
func (in *UpdateTriggerInput) Validate() error {
	var c checks
	c.text("qualifier", in.Qualifier, 0, 128)
	c.text("invocationRole", in.InvocationRole, 0, 300)
	c.text("description", in.Description, 0, 256)
	return c.err
}

// ParseHTTPTriggerConfig reads and checks the triggerConfig of an HTTP trigger
// and fills in what it leaves out: authType function, every method.
func ParseHTTPTriggerConfig(text string) (*HTTPTriggerConfig, error) {
	if !isJSONObject(text) {
		return nil, InvalidArgument("triggerConfig", "the text of a JSON object is expected")
	}
	cfg := new(HTTPTriggerConfig)
	if err := json.Unmarshal([]byte(text), cfg); err != nil {
		e := decodeError(err).(*Error)
		e.Message = "triggerConfig." + e.Message
		return nil, e
	}
	if cfg.AuthType == "" {
		cfg.AuthType = AuthFunction
	}
	if len(cfg.Methods) == 0 {
		cfg.Methods = slices.Clone(HTTPMethods)
	}
	var c checks
	c.oneOf("triggerConfig.authType", cfg.AuthType, AuthAnonymous, AuthFunction, AuthJWT)
	for _, m := range cfg.Methods {
		c.oneOf("triggerConfig.methods", m, HTTPMethods...)
	}
	c.cors(cfg.CORSConfig)
	return cfg, c.err
}

func (c *checks) cors(cors *CORSConfig) {
	if cors == nil {
		return
	}
	const field = "triggerConfig.corsConfig"
	if cors.AllowCredentials && slices.Contains(cors.AllowOrigins, "*") {
		c.fail(field+".allowOrigins", `"*" is not allowed together with allowCredentials`)
	}
	c.within(field+".maxAge", cors.MaxAge, 0, 86400)
	for _, list := range [][]string{cors.AllowOrigins, cors.AllowMethods, cors.AllowHeaders, cors.ExposeHeaders} {
		for _, v := range list {
			if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' || r == ',' }) {
				c.fail(field, "%q cannot be written into a header", v)
			}
		}
	}
}
