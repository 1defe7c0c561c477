package apicontroller

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

// syncTimeout bounds how long an answer waits for the view to take up the change.
const syncTimeout = 5 * time.Second

// changed has the change that was just committed seen by this process and announced to
// the others. It has happened already: a failure here only delays it.
func (c *Controller) changed(q *request, what string, args ...any) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.Context()), syncTimeout)
	defer cancel()
	if err := c.deps.View.Sync(ctx); err != nil {
		c.log.Warn("change is not announced yet", "request", q.id, "err", err)
	}
	c.log.Info(what, append(args, "account", q.key.Account, "request", q.id)...)
}

func (c *Controller) createFunction(q *request) (any, error) {
	pkg := intake.NewPackage(c.cfg.TempDir)
	defer pkg.Close()
	var in api.CreateFunctionInput
	if err := q.decodeWithCode(&in, &in.FunctionSettings, pkg); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	in.Defaults()
	now := c.now().UTC().Truncate(time.Second)
	f := &fc.Function{Account: q.key.Account, Name: in.FunctionName, ID: uuid.NewString(), Created: now, Modified: now}
	for _, t := range in.Tags {
		f.Tags = append(f.Tags, fc.Tag{Key: t.Key, Value: t.Value})
		if t.Key == poolTag {
			f.Pool = t.Value
		}
	}
	if err := apply(f, &in.FunctionSettings); err != nil {
		return nil, err
	}
	if in.ResourceGroupID != nil {
		if err := keepOne(f, "resourceGroupId", in.ResourceGroupID); err != nil {
			return nil, err
		}
	}
	if err := checkWhole(f); err != nil {
		return nil, err
	}
	if err := c.checkSurroundings(q.Context(), f.Pool, &in.FunctionSettings); err != nil {
		return nil, err
	}
	// Looked up before the package is stored, so that a second create costs little.
	if _, err := c.deps.Store.Function(q.Context(), f.Account, f.Name); err == nil {
		return nil, api.Errorf(api.CodeFunctionExists, "function %q exists already", f.Name)
	}
	var err error
	if in.Code != nil {
		if f.Code, err = c.storeCode(q.Context(), f.Account, in.Code, pkg); err != nil {
			return nil, err
		}
	}
	if err := c.deps.Store.CreateFunction(q.Context(), f); err != nil {
		return nil, unavailable(fmt.Sprintf("create function %q", f.Name), err)
	}
	c.changed(q, "function created", "function", f.Name)
	return c.show(f), nil
}

// decodeWithCode decodes a request whose package may be large; it goes into pkg.
func (q *request) decodeWithCode(in any, settings *api.FunctionSettings, pkg *intake.Package) error {
	if q.ContentLength > 2*api.MaxZipFile {
		return intake.TooLarge(2 * api.MaxZipFile)
	}
	rest, size, err := intake.TakeZip(q.sig.Body(io.LimitReader(q.Body, 2*api.MaxZipFile)), pkg, api.MaxZipFile)
	if err != nil {
		return err
	}
	if err := api.Decode(rest, in); err != nil {
		return err
	}
	if settings.Code != nil {
		settings.Code.ZipTaken = size > 0
	}
	return nil
}

// checkWhole checks what depends on more than one member.
func checkWhole(f *fc.Function) error {
	if err := api.ValidateResources(string(f.Runtime), f.CPU, f.MemoryMB, f.Concurrency); err != nil {
		return err
	}
	if f.Custom != nil && !api.IsCustomRuntime(string(f.Runtime)) {
		return api.InvalidArgument("customRuntimeConfig", "only custom runtimes take it, not %s", f.Runtime)
	}
	return nil
}

// checkSurroundings checks what a function needs of the platform: nodes that run it.
func (c *Controller) checkSurroundings(ctx context.Context, pool string, s *api.FunctionSettings) error {
	if len(s.Layers) > 0 {
		return api.Errorf(api.CodeLayerVersionNotFound, "layers: layer version %q does not exist", s.Layers[0])
	}
	if s.Runtime == nil {
		return nil
	}
	nodes, err := c.deps.Inventory.Nodes(ctx, pool)
	if err != nil || len(nodes) == 0 {
		// No word is no proof: a deployment goes on while the resource manager is away.
		c.log.Warn("runtime is not checked: no nodes are known", "runtime", *s.Runtime, "err", err)
		return nil
	}
	var all []string
	for _, n := range nodes {
		for _, r := range n.Runtimes {
			if string(r) == *s.Runtime {
				return nil
			}
			if !slices.Contains(all, string(r)) {
				all = append(all, string(r))
			}
		}
	}
	slices.Sort(all)
	return api.InvalidArgument("runtime", "no node can run %s: none has its interpreter; nodes run %s", *s.Runtime, strings.Join(all, ", "))
}

func (c *Controller) getFunction(q *request) (any, error) {
	f, err := c.function(q)
	if err != nil {
		return nil, err
	}
	return c.show(f), nil
}

// function reads the function that the path and the qualifier name.
func (c *Controller) function(q *request) (*fc.Function, error) {
	f, err := c.deps.Store.Function(q.Context(), q.key.Account, q.params[0])
	if err != nil {
		return nil, unavailable(fmt.Sprintf("read function %q", q.params[0]), err)
	}
	if err := checkQualifier(f.Name, q.query.Get("qualifier")); err != nil {
		return nil, err
	}
	return f, nil
}

// checkQualifier knows LATEST alone: nothing is published yet.
func checkQualifier(function, qualifier string) error {
	if qualifier == "" || qualifier == fc.Latest {
		return nil
	}
	if strings.Trim(qualifier, "0123456789") == "" {
		return api.Errorf(api.CodeVersionNotFound, "version %q of function %q does not exist", qualifier, function)
	}
	return api.Errorf(api.CodeAliasNotFound, "alias %q of function %q does not exist", qualifier, function)
}

func (c *Controller) updateFunction(q *request) (any, error) {
	pkg := intake.NewPackage(c.cfg.TempDir)
	defer pkg.Close()
	var in api.UpdateFunctionInput
	if err := q.decodeWithCode(&in, &in.FunctionSettings, pkg); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	account, name := q.key.Account, q.params[0]
	old, err := c.deps.Store.Function(q.Context(), account, name)
	if err != nil {
		return nil, unavailable(fmt.Sprintf("read function %q", name), err)
	}
	if err := c.checkSurroundings(q.Context(), old.Pool, &in.FunctionSettings); err != nil {
		return nil, err
	}
	var code fc.Package
	if in.Code != nil {
		if code, err = c.storeCode(q.Context(), account, in.Code, pkg); err != nil {
			return nil, err
		}
	}
	f, err := c.deps.Store.UpdateFunction(q.Context(), account, name, func(f *fc.Function) error {
		if in.Code != nil {
			f.Code = code
		}
		if err := apply(f, &in.FunctionSettings); err != nil {
			return err
		}
		if f.Code.Key == "" && f.Runtime.Kind() != fc.Container {
			return api.InvalidArgument("code", "runtime %s needs it", f.Runtime)
		}
		f.Modified = c.now().UTC().Truncate(time.Second)
		return checkWhole(f)
	})
	if err != nil {
		return nil, unavailable(fmt.Sprintf("update function %q", name), err)
	}
	c.changed(q, "function updated", "function", name)
	return c.show(f), nil
}

func (c *Controller) deleteFunction(q *request) (any, error) {
	if err := c.deps.Store.DeleteFunction(q.Context(), q.key.Account, q.params[0]); err != nil {
		return nil, unavailable(fmt.Sprintf("delete function %q", q.params[0]), err)
	}
	c.changed(q, "function deleted", "function", q.params[0])
	return nil, nil
}

func (c *Controller) enableInvocation(q *request) (any, error) {
	return c.restrict(q, fc.Restriction{}, "function enabled")
}

func (c *Controller) disableInvocation(q *request) (any, error) {
	var in api.DisableFunctionInvocationInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.AbortOngoingRequest != nil && *in.AbortOngoingRequest {
		return nil, api.Errorf(api.CodeFeatureNotSupported, "abortOngoingRequest: running requests are not aborted by this release; they end by themselves")
	}
	r := fc.Restriction{Disabled: true}
	set(&r.Reason, in.Reason)
	return c.restrict(q, r, "function disabled")
}

func (c *Controller) restrict(q *request, r fc.Restriction, what string) (any, error) {
	r.Modified = c.now().UTC().Truncate(time.Second)
	_, err := c.deps.Store.UpdateFunction(q.Context(), q.key.Account, q.params[0], func(f *fc.Function) error {
		f.Restriction = &r
		return nil
	})
	if err != nil {
		return nil, unavailable(fmt.Sprintf("update function %q", q.params[0]), err)
	}
	c.changed(q, what, "function", q.params[0])
	return api.InvocationSwitchOutput{Success: true}, nil
}
