package apicontroller

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// page reads the paging parameters of a list. The token is the last name of the page
// before: names do not move when others come and go.
func (q *request) page() (metadata.Query, error) {
	limit, err := api.ValidLimit(q.query.Get("limit"))
	if err != nil {
		return metadata.Query{}, err
	}
	after, err := base64.RawURLEncoding.DecodeString(q.query.Get("nextToken"))
	if err != nil {
		return metadata.Query{}, api.InvalidArgument("nextToken", "it is not a token of this API")
	}
	return metadata.Query{Account: q.key.Account, Prefix: q.query.Get("prefix"), After: string(after), Limit: limit}, nil
}

func token(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

func (c *Controller) listFunctions(q *request) (any, error) {
	page, err := q.page()
	if err != nil {
		return nil, err
	}
	filter, err := newFilter(q)
	if err != nil {
		return nil, err
	}
	out := api.ListFunctionsOutput{Functions: []api.Function{}}
	limit := page.Limit
	if page.Limit++; filter.narrow {
		page.Limit = api.MaxListLimit + 1
	}
	for {
		found, err := c.deps.Store.ListFunctions(q.Context(), page)
		if err != nil {
			return nil, unavailable("list functions", err)
		}
		for _, f := range found {
			page.After = f.Name
			if !filter.takes(f) {
				continue
			}
			if len(out.Functions) == limit {
				out.NextToken = token(out.Functions[limit-1].FunctionName)
				return out, nil
			}
			out.Functions = append(out.Functions, *c.showListed(f))
		}
		if len(found) < page.Limit {
			return out, nil
		}
	}
}

// showListed leaves out what lists leave out.
func (c *Controller) showListed(f *fc.Function) *api.Function {
	out := c.show(f)
	out.State, out.LastUpdateStatus = "", ""
	return out
}

// functionFilter holds the filters of ListFunctions beside the prefix.
type functionFilter struct {
	narrow               bool // it leaves out some
	none                 bool // it leaves out all
	name, description    string
	runtime, gpu, groups string
	tags                 []api.Tag
}

func newFilter(q *request) (*functionFilter, error) {
	f := &functionFilter{
		name:        q.query.Get("functionName"),
		description: q.query.Get("description"),
		runtime:     q.query.Get("runtime"),
		gpu:         q.query.Get("gpuType"),
		groups:      q.query.Get("resourceGroupId"),
	}
	if text := q.query.Get("tags"); text != "" {
		if err := json.Unmarshal([]byte(text), &f.tags); err != nil {
			return nil, api.InvalidArgument("tags", "a JSON list of tags is expected")
		}
	}
	switch version := q.query.Get("fcVersion"); version {
	case "", "v3":
	case "v2":
		f.none = true // no function of this platform is of the generation before
	default:
		return nil, api.InvalidArgument("fcVersion", "%q is neither v2 nor v3", version)
	}
	f.narrow = f.none || f.name+f.description+f.runtime+f.gpu+f.groups != "" || len(f.tags) > 0
	return f, nil
}

func (f *functionFilter) takes(fn *fc.Function) bool {
	return !f.none &&
		strings.Contains(fn.Name, f.name) &&
		(f.description == "" || fn.Description == f.description) &&
		(f.runtime == "" || string(fn.Runtime) == f.runtime) &&
		f.takesKept(fn) &&
		f.takesTags(fn.Tags)
}

func (f *functionFilter) takesKept(fn *fc.Function) bool {
	if f.gpu != "" {
		var gpu api.GPUConfig
		if json.Unmarshal(fn.Kept["gpuConfig"], &gpu) != nil || gpu.GPUType != f.gpu {
			return false
		}
	}
	if f.groups == "" {
		return true
	}
	var group string
	return json.Unmarshal(fn.Kept["resourceGroupId"], &group) == nil && group == f.groups
}

func (f *functionFilter) takesTags(has []fc.Tag) bool {
	for _, want := range f.tags {
		found := false
		for _, t := range has {
			found = found || t.Key == want.Key && (want.Value == "" || t.Value == want.Value)
		}
		if !found {
			return false
		}
	}
	return true
}
