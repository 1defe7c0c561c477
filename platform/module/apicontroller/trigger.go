package apicontroller

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// maxTriggers bounds the triggers of one function.
const maxTriggers = 50

func (c *Controller) createTrigger(q *request) (any, error) {
	var in api.CreateTriggerInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	if in.TriggerType != api.TriggerHTTP {
		return nil, api.Errorf(api.CodeTriggerTypeNotSupported, "triggers of type %s are not supported by this release", in.TriggerType)
	}
	config, err := triggerConfig(in.TriggerConfig)
	if err != nil {
		return nil, err
	}
	now := c.now().UTC().Truncate(time.Second)
	t := &fc.Trigger{
		Account: q.key.Account, Function: q.params[0], Name: in.TriggerName, ID: uuid.NewString(), Type: in.TriggerType,
		Qualifier: fc.Latest, Config: in.TriggerConfig, HTTP: config, Created: now, Modified: now,
	}
	set(&t.Description, in.Description)
	set(&t.Role, in.InvocationRole)
	set(&t.SourceARN, in.SourceARN)
	if in.Qualifier != nil {
		if err := checkQualifier(t.Function, *in.Qualifier); err != nil {
			return nil, err
		}
	}
	if err := c.addTrigger(q, t); err != nil {
		return nil, err
	}
	c.changed(q, "trigger created", "function", t.Function, "trigger", t.Name)
	return c.showTrigger(q.Request, t), nil
}

// triggerConfig understands the configuration of an HTTP trigger.
func triggerConfig(text string) (*fc.HTTPTrigger, error) {
	in, err := api.ParseHTTPTriggerConfig(text)
	if err != nil {
		return nil, err
	}
	if in.AuthType == api.AuthJWT {
		return nil, api.Errorf(api.CodeFeatureNotSupported, "triggerConfig.authType: jwt is not supported by this release")
	}
	out := &fc.HTTPTrigger{AuthType: in.AuthType, Methods: in.Methods, DisableInternet: in.DisableURLInternet}
	if cors := in.CORSConfig; cors != nil {
		out.CORS = &fc.CORS{
			AllowOrigins: cors.AllowOrigins, AllowMethods: cors.AllowMethods, AllowHeaders: cors.AllowHeaders,
			ExposeHeaders: cors.ExposeHeaders, AllowCredentials: cors.AllowCredentials, MaxAge: cors.MaxAge,
		}
	}
	return out, nil
}

// addTrigger stores a trigger if the others of its function allow it. One at a time in
// this process; two processes at the same moment may exceed the limits by one.
func (c *Controller) addTrigger(q *request, t *fc.Trigger) error {
	c.adding.Lock()
	defer c.adding.Unlock()
	if err := c.checkOthers(q, t); err != nil {
		return err
	}
	return c.putTrigger(q, t)
}

// checkOthers looks at the triggers that the function has already.
func (c *Controller) checkOthers(q *request, t *fc.Trigger) error {
	others, err := c.deps.Store.ListTriggers(q.Context(), t.Function, metadata.Query{Account: t.Account})
	if err != nil {
		return unavailable("list triggers", err)
	}
	for _, o := range others {
		if o.Name == t.Name {
			return api.Errorf(api.CodeTriggerExists, "trigger %q of function %q exists already", t.Name, t.Function)
		}
		if o.Type == api.TriggerHTTP && o.Qualifier == t.Qualifier {
			return api.InvalidArgument("triggerType", "function %q has an http trigger for %s already: %q", t.Function, t.Qualifier, o.Name)
		}
	}
	if len(others) >= maxTriggers {
		return api.Errorf(api.CodeLimitExceeded, "function %q has %d triggers already", t.Function, maxTriggers)
	}
	return nil
}

// putTrigger stores a trigger under a subdomain nobody has.
func (c *Controller) putTrigger(q *request, t *fc.Trigger) error {
	for range 5 {
		t.Subdomain = newSubdomain(t.Function)
		err := c.deps.Store.CreateTrigger(q.Context(), t)
		if !errors.Is(err, fc.ErrConflict) {
			return unavailable(fmt.Sprintf("create trigger %q of function %q", t.Name, t.Function), err)
		}
	}
	return api.Errorf(api.CodeConcurrentUpdate, "no free subdomain was found; try again")
}

// newSubdomain makes a host label out of a function's name and chance.
func newSubdomain(function string) string {
	const room = 40
	label := strings.Map(func(r rune) rune {
		if r == '_' {
			return '-'
		}
		return r
	}, strings.ToLower(function))
	label = strings.Trim(label[:min(len(label), room)], "-")
	if label == "" {
		label = "fn"
	}
	return label + "-" + strings.ToLower(rand.Text()[:10])
}

func (c *Controller) getTrigger(q *request) (any, error) {
	t, err := c.deps.Store.Trigger(q.Context(), q.key.Account, q.params[0], q.params[1])
	if err != nil {
		return nil, unavailable(fmt.Sprintf("read trigger %q of function %q", q.params[1], q.params[0]), err)
	}
	return c.showTrigger(q.Request, t), nil
}

func (c *Controller) updateTrigger(q *request) (any, error) {
	var in api.UpdateTriggerInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	var config *fc.HTTPTrigger
	if in.TriggerConfig != nil {
		var err error
		if config, err = triggerConfig(*in.TriggerConfig); err != nil {
			return nil, err
		}
	}
	if in.Qualifier != nil {
		if err := checkQualifier(q.params[0], *in.Qualifier); err != nil {
			return nil, err
		}
	}
	t, err := c.deps.Store.UpdateTrigger(q.Context(), q.key.Account, q.params[0], q.params[1], func(t *fc.Trigger) error {
		set(&t.Description, in.Description)
		set(&t.Role, in.InvocationRole)
		if config != nil {
			t.Config, t.HTTP = *in.TriggerConfig, config
		}
		t.Modified = c.now().UTC().Truncate(time.Second)
		return nil
	})
	if err != nil {
		return nil, unavailable(fmt.Sprintf("update trigger %q of function %q", q.params[1], q.params[0]), err)
	}
	c.changed(q, "trigger updated", "function", t.Function, "trigger", t.Name)
	return c.showTrigger(q.Request, t), nil
}

func (c *Controller) deleteTrigger(q *request) (any, error) {
	if err := c.deps.Store.DeleteTrigger(q.Context(), q.key.Account, q.params[0], q.params[1]); err != nil {
		return nil, unavailable(fmt.Sprintf("delete trigger %q of function %q", q.params[1], q.params[0]), err)
	}
	c.changed(q, "trigger deleted", "function", q.params[0], "trigger", q.params[1])
	return nil, nil
}

func (c *Controller) listTriggers(q *request) (any, error) {
	page, err := q.page()
	if err != nil {
		return nil, err
	}
	page.Limit++
	found, err := c.deps.Store.ListTriggers(q.Context(), q.params[0], page)
	if err != nil {
		return nil, unavailable(fmt.Sprintf("list triggers of function %q", q.params[0]), err)
	}
	out := api.ListTriggersOutput{Triggers: []api.Trigger{}}
	for i, t := range found {
		if i == page.Limit-1 {
			out.NextToken = token(found[i-1].Name)
			break
		}
		out.Triggers = append(out.Triggers, *c.showTrigger(q.Request, t))
	}
	return out, nil
}

func (c *Controller) showTrigger(r *http.Request, t *fc.Trigger) *api.Trigger {
	out := &api.Trigger{
		TriggerName:      t.Name,
		TriggerID:        t.ID,
		TriggerType:      t.Type,
		TriggerConfig:    t.Config,
		Qualifier:        t.Qualifier,
		SourceARN:        t.SourceARN,
		TargetARN:        c.functionARN(t.Account, t.Function),
		InvocationRole:   t.Role,
		Description:      t.Description,
		Status:           "OK",
		CreatedTime:      timeText(t.Created),
		LastModifiedTime: timeText(t.Modified),
	}
	if t.Subdomain != "" {
		base := c.baseURL(r)
		out.HTTPTrigger = &api.HTTPTrigger{
			URLInternet: hostURL(base, t.Subdomain+c.suffixes[0]),
			URLIntranet: base + proxyPath + t.Subdomain,
		}
	}
	return out
}

// hostURL is base with another host, on the same port.
func hostURL(base, host string) string {
	u, err := url.Parse(base)
	if err != nil {
		return "http://" + host
	}
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	return u.Scheme + "://" + host
}
