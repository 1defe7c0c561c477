package api

import (
	"net/url"
	"strings"
)

// Operation is one call of the API: its name, which ACS3 clients send as
// x-acs-action, its method and its path below the version.
type Operation struct {
	Name   string
	Method string
	Path   string
}

// Operations are all operations of the API; those a release does not build
// answer OperationNotSupported.
var Operations = []*Operation{
	{"ChangeResourceGroup", "PUT", "/resource-groups"},
	{"CreateAlias", "POST", "/functions/{functionName}/aliases"},
	{"CreateCustomDomain", "POST", "/custom-domains"},
	{"CreateFunction", "POST", "/functions"},
	{"CreateLayerVersion", "POST", "/layers/{layerName}/versions"},
	{"CreateSession", "POST", "/functions/{functionName}/sessions"},
	{"CreateSnapshot", "POST", "/functions/{functionName}/snapshots"},
	{"CreateTrigger", "POST", "/functions/{functionName}/triggers"},
	{"CreateVpcBinding", "POST", "/functions/{functionName}/vpc-bindings"},
	{"DeleteAlias", "DELETE", "/functions/{functionName}/aliases/{aliasName}"},
	{"DeleteAsyncInvokeConfig", "DELETE", "/functions/{functionName}/async-invoke-config"},
	{"DeleteConcurrencyConfig", "DELETE", "/functions/{functionName}/concurrency"},
	{"DeleteCustomDomain", "DELETE", "/custom-domains/{domainName}"},
	{"DeleteFunction", "DELETE", "/functions/{functionName}"},
	{"DeleteFunctionVersion", "DELETE", "/functions/{functionName}/versions/{versionId}"},
	{"DeleteLayerVersion", "DELETE", "/layers/{layerName}/versions/{version}"},
	{"DeleteProvisionConfig", "DELETE", "/functions/{functionName}/provision-config"},
	{"DeleteScalingConfig", "DELETE", "/functions/{functionName}/scaling-config"},
	{"DeleteSession", "DELETE", "/functions/{functionName}/sessions/{sessionId}"},
	{"DeleteSnapshot", "DELETE", "/functions/{functionName}/snapshots/{snapshotId}"},
	{"DeleteTrigger", "DELETE", "/functions/{functionName}/triggers/{triggerName}"},
	{"DeleteVpcBinding", "DELETE", "/functions/{functionName}/vpc-bindings/{vpcId}"},
	{"DescribeRegions", "GET", "/regions"},
	{"DisableFunctionInvocation", "POST", "/functions/{functionName}/invoke/disable"},
	{"EnableFunctionInvocation", "POST", "/functions/{functionName}/invoke/enable"},
	{"GetAlias", "GET", "/functions/{functionName}/aliases/{aliasName}"},
	{"GetAsyncInvokeConfig", "GET", "/functions/{functionName}/async-invoke-config"},
	{"GetAsyncTask", "GET", "/functions/{functionName}/async-tasks/{taskId}"},
	{"GetConcurrencyConfig", "GET", "/functions/{functionName}/concurrency"},
	{"GetCustomDomain", "GET", "/custom-domains/{domainName}"},
	{"GetFunction", "GET", "/functions/{functionName}"},
	{"GetFunctionCode", "GET", "/functions/{functionName}/code"},
	{"GetLayerVersion", "GET", "/layers/{layerName}/versions/{version}"},
	{"GetLayerVersionByArn", "GET", "/layerarn/{arn}"},
	{"GetProvisionConfig", "GET", "/functions/{functionName}/provision-config"},
	{"GetScalingConfig", "GET", "/functions/{functionName}/scaling-config"},
	{"GetSession", "GET", "/functions/{functionName}/sessions/{sessionId}"},
	{"GetSnapshot", "GET", "/functions/{functionName}/snapshots/{snapshotId}"},
	{"GetTrigger", "GET", "/functions/{functionName}/triggers/{triggerName}"},
	{"InvokeFunction", "POST", "/functions/{functionName}/invocations"},
	{"ListAliases", "GET", "/functions/{functionName}/aliases"},
	{"ListAsyncInvokeConfigs", "GET", "/async-invoke-configs"},
	{"ListAsyncTasks", "GET", "/functions/{functionName}/async-tasks"},
	{"ListConcurrencyConfigs", "GET", "/concurrency-configs"},
	{"ListCustomDomains", "GET", "/custom-domains"},
	{"ListFunctionVersions", "GET", "/functions/{functionName}/versions"},
	{"ListFunctions", "GET", "/functions"},
	{"ListInstances", "GET", "/functions/{functionName}/instances"},
	{"ListLayerVersions", "GET", "/layers/{layerName}/versions"},
	{"ListLayers", "GET", "/layers"},
	{"ListProvisionConfigs", "GET", "/provision-configs"},
	{"ListScalingConfigs", "GET", "/scaling-configs"},
	{"ListSessions", "GET", "/functions/{functionName}/sessions"},
	{"ListSnapshots", "GET", "/snapshots"},
	{"ListTagResources", "GET", "/tags-v2"},
	{"ListTriggers", "GET", "/functions/{functionName}/triggers"},
	{"ListVpcBindings", "GET", "/functions/{functionName}/vpc-bindings"},
	{"PauseSession", "PUT", "/functions/{functionName}/sessions/{sessionId}/pause"},
	{"PublishFunctionVersion", "POST", "/functions/{functionName}/versions"},
	{"PutAsyncInvokeConfig", "PUT", "/functions/{functionName}/async-invoke-config"},
	{"PutConcurrencyConfig", "PUT", "/functions/{functionName}/concurrency"},
	{"PutLayerACL", "PUT", "/layers/{layerName}/acl"},
	{"PutProvisionConfig", "PUT", "/functions/{functionName}/provision-config"},
	{"PutScalingConfig", "PUT", "/functions/{functionName}/scaling-config"},
	{"ResumeSession", "PUT", "/functions/{functionName}/sessions/{sessionId}/resume"},
	{"StopAsyncTask", "PUT", "/functions/{functionName}/async-tasks/{taskId}/stop"},
	{"TagResources", "POST", "/tags-v2"},
	{"UntagResources", "DELETE", "/tags-v2"},
	{"UpdateAlias", "PUT", "/functions/{functionName}/aliases/{aliasName}"},
	{"UpdateCustomDomain", "PUT", "/custom-domains/{domainName}"},
	{"UpdateFunction", "PUT", "/functions/{functionName}"},
	{"UpdateSession", "PUT", "/functions/{functionName}/sessions/{sessionId}"},
	{"UpdateTrigger", "PUT", "/functions/{functionName}/triggers/{triggerName}"},
}

// Match is an operation with the parameters of its path, decoded, in order.
type Match struct {
	Operation *Operation
	Params    [2]string
}

// pathNode is one segment of the paths: literal children, at most one parameter.
type pathNode struct {
	literal map[string]*pathNode
	param   *pathNode
	methods map[string]*Operation
}

var operationTree = buildTree(Operations)

func buildTree(ops []*Operation) *pathNode {
	root := &pathNode{}
	for _, op := range ops {
		n := root
		for _, segment := range strings.Split(op.Path[1:], "/") {
			n = n.child(segment)
		}
		if n.methods == nil {
			n.methods = map[string]*Operation{}
		}
		n.methods[op.Method] = op
	}
	return root
}

func (n *pathNode) child(segment string) *pathNode {
	if strings.HasPrefix(segment, "{") {
		if n.param == nil {
			n.param = &pathNode{}
		}
		return n.param
	}
	if n.literal == nil {
		n.literal = map[string]*pathNode{}
	}
	if n.literal[segment] == nil {
		n.literal[segment] = &pathNode{}
	}
	return n.literal[segment]
}

// MatchOperation finds the operation of a method and a path as it was sent,
// still percent-encoded: an encoded slash does not separate. It answers
// PathNotSupported when the API has no such path, or not with that method.
func MatchOperation(method, rawPath string) (Match, error) {
	var m Match
	rest, ok := strings.CutPrefix(rawPath, "/"+Version+"/")
	if !ok {
		return m, errPath(method, rawPath)
	}
	n, params := operationTree, 0
	for more := true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if next := n.literal[segment]; next != nil {
			n = next
			continue
		}
		if n.param == nil || segment == "" {
			return m, errPath(method, rawPath)
		}
		value, err := url.PathUnescape(segment)
		if err != nil {
			return m, errPath(method, rawPath)
		}
		n = n.param
		m.Params[params] = value
		params++
	}
	if m.Operation = n.methods[method]; m.Operation == nil {
		return m, errPath(method, rawPath)
	}
	return m, nil
}

func errPath(method, rawPath string) error {
	const shown = 256
	if len(rawPath) > shown {
		rawPath = rawPath[:shown]
	}
	return Errorf(CodePathNotSupported, "%s %s is not a path of API version %s", method, rawPath, Version)
}
