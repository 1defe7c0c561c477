package bootstrap_test

import (
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/fc"
)

const nodeFunction = `
const state = [];
class Mine extends Error {
  constructor(message) { super(message); this.name = 'Mine'; }
}
exports.echo = (event, context, callback) => {
  if (!Buffer.isBuffer(event)) throw new Error('no buffer');
  callback(null, event);
};
exports.later = (event, context, callback) => setTimeout(() => callback(null, 'later'), 1);
exports.promised = async (event) => ({ got: event.toString() });
exports.thenable = () => ({ then(resolve) { resolve('then'); } });
exports.returned = (event) => 'returned';
exports.nothing = (event, context) => {};
exports.rest = (...args) => args[2](null, String(args.length));
exports.bytes = async () => new Uint8Array([0, 255]);
exports.twice = (event, context, callback) => { callback(null, 'first'); callback(new Error('second')); };
exports.context = async (event, c) => [c.requestId, c.credentials, c.function, c.service, c.region, c.accountId, c.retryCount, c.tracing.spanContext, c.tracing.jaegerEndpoint, c.tracing.spanBaggages];
exports.handled = (event, context, callback) => callback(new Mine('handled'));
exports.handledText = (event, context, callback) => callback('just text');
exports.thrown = () => { throw new Mine('thrown'); };
exports.rejected = async () => { throw new Mine('rejected'); };
exports.rejectedPlain = () => Promise.reject({ code: 7 });
exports.circular = async () => { const a = {}; a.a = a; return a; };
exports.uncaught = () => { setTimeout(() => { throw new Mine('uncaught'); }, 1); return new Promise(() => {}); };
exports.unhandled = () => { Promise.reject(new Mine('unhandled')); return new Promise(() => {}); };
exports.exits = () => process.exit(7);
exports.logs = async (event, context) => {
  console.log('by %s', 'console', { a: 1 });
  console.warn('warned');
  context.logger.error('by the logger');
  process.stdout.write('plain\n');
};
exports.initialize = (context, callback) => { state.push(context.requestId); callback(); };
exports.initializeSync = (context) => { state.push('sync'); };
exports.badInitialize = async () => { throw new Error('bad start'); };
exports.preStop = async () => { console.log('state is ' + state); };
exports.paths = async () => [require('layered'), require('./shadowed'), process.cwd() === __dirname, process.argv.length];
exports.value = 3;
`

func TestNode(t *testing.T) {
	i := start(t, "nodejs20", map[string]string{
		"index.js":             nodeFunction,
		"sub/dir/mod.js":       "exports.handler = async () => require('./neighbour');",
		"sub/dir/neighbour.js": "module.exports = 'neighbour';",
		"shadowed.js":          "module.exports = 'code';",
		"common.cjs":           "exports.handler = async () => 'common';",
		"folder/index.js":      "exports.handler = async () => 'folder';",
		"dotted.name.js":       "exports.handler = async () => 'dotted';",
		"esm.mjs":              "import fs from 'fs'; export const handler = async () => typeof fs.readFileSync; export default { other: async () => 'other' };",
		"typed/package.json":   `{"type": "module"}`,
		"typed/mod.js":         "export async function handler(event) { return 'typed ' + event; }",
		"typed/deep/mod.js":    "export const handler = async () => import.meta.url.endsWith('mod.js');",
		"needs.js":             "require('surely-not-installed-anywhere');",
		"needs.mjs":            "import 'surely-not-installed-anywhere';",
		"broken.js":            "exports.handler = (",
		"raises.js":            "throw new RangeError('at load');",
		"/opt/nodejs/node_modules/layered/main.js":      "module.exports = 'layer';",
		"/opt/nodejs/node_modules/layered/package.json": `{"main": "main.js"}`,
	})
	ok, failed := 200, 404
	unhandled, handled := fc.UnhandledInvocationError, fc.HandledInvocationError
	i.check([]call{
		{"a buffer", "", "index.echo", "\x00\xff", answer{ok, "", "\x00\xff"}},
		{"an empty event", "", "index.echo", "", answer{ok, "", ""}},
		{"a callback later", "", "index.later", "", answer{ok, "", "later"}},
		{"a promise of an object", "", "index.promised", "x", answer{ok, "", `{"got":"x"}`}},
		{"a thenable", "", "index.thenable", "", answer{ok, "", "then"}},
		{"a value without callback", "", "index.returned", "", answer{ok, "", "returned"}},
		{"nothing without callback", "", "index.nothing", "", answer{ok, "", ""}},
		{"a callback among rest parameters", "", "index.rest", "", answer{ok, "", "3"}},
		{"a typed array", "", "index.bytes", "", answer{ok, "", "\x00\xff"}},
		{"the first callback counts", "", "index.twice", "", answer{ok, "", "first"}},
		{"context", "", "index.context", "", answer{ok, "", `["req-1",{"accessKeyId":"ak","accessKeySecret":"sk","securityToken":"st"},{"name":"fn","handler":"index.context","memory":128,"timeout":60},{"name":"","logProject":"lp","logStore":"ls","qualifier":"prod","versionId":"7"},"cn-test","123",2,"sc","je",{"a":"b"}]`}},
		{"imports", "", "index.paths", "", answer{ok, "", `["layer","code",true,2]`}},
		{"a file in folders", "", "sub/dir/mod.handler", "", answer{ok, "", "neighbour"}},
		{"a .cjs file", "", "common.handler", "", answer{ok, "", "common"}},
		{"a folder with an index", "", "folder.handler", "", answer{ok, "", "folder"}},
		{"a file with a dot", "", "dotted.name.handler", "", answer{ok, "", "dotted"}},
		{"an ES module by extension", "", "esm.handler", "", answer{ok, "", "function"}},
		{"a member of a default export", "", "esm.other", "", answer{ok, "", "other"}},
		{"an ES module by package.json", "", "typed/mod.handler", "x", answer{ok, "", "typed x"}},
		{"an ES module by a package.json above", "", "typed/deep/mod.handler", "", answer{ok, "", "true"}},
		{"an error by callback", "", "index.handled", "", answer{failed, handled, `{"errorMessage":"handled","errorType":"Mine","stackTrace":["at `}},
		{"text by callback", "", "index.handledText", "", answer{failed, handled, `{"errorMessage":"just text","errorType":"Error","stackTrace":[]}`}},
		{"an exception", "", "index.thrown", "", answer{failed, unhandled, `{"errorMessage":"thrown","errorType":"Mine","stackTrace":["at `}},
		{"a rejection", "", "index.rejected", "", answer{failed, unhandled, `{"errorMessage":"rejected","errorType":"Mine","stackTrace":["at `}},
		{"a rejection of something else", "", "index.rejectedPlain", "", answer{failed, unhandled, `{"errorMessage":"{\"code\":7}","errorType":"Object","stackTrace":[]}`}},
		{"a result that is no JSON", "", "index.circular", "", answer{failed, unhandled, `"errorType":"TypeError"`}},
		{"a missing file", "", "nowhere.handler", "", answer{failed, unhandled, `"errorType":"ImportModuleError","stackTrace":[]`}},
		{"a missing import", "", "needs.handler", "", answer{failed, unhandled, `"errorType":"ImportModuleError"`}},
		{"a missing function", "", "index.nope", "", answer{failed, unhandled, `"errorType":"HandlerNotFound"`}},
		{"not a function", "", "index.value", "", answer{failed, unhandled, `"errorType":"HandlerNotFound"`}},
		{"a handler without dot", "", "index", "", answer{failed, unhandled, `"errorType":"HandlerNotFound"`}},
		{"a syntax error", "", "broken.handler", "", answer{failed, unhandled, `"errorType":"SyntaxError"`}},
		{"a file that raises", "", "raises.handler", "", answer{failed, unhandled, `{"errorMessage":"at load","errorType":"RangeError","stackTrace":["at `}},
		{"a good initializer", "/initialize", "index.initialize", "", answer{ok, "", ""}},
		{"an initializer without callback", "/initialize", "index.initializeSync", "", answer{ok, "", ""}},
		{"a bad initializer", "/initialize", "index.badInitialize", "", answer{failed, fc.InitializationError, `"errorMessage":"bad start"`}},
		{"a pre-stop hook", "/pre-stop", "index.preStop", "", answer{ok, "", ""}},
	})
	i.invoke("index.logs", "")
	for _, want := range []string{
		"FunctionCompute nodejs runtime inited.\n",
		"Z req-1 [INFO] by console { a: 1 }\n", "Z req-1 [WARN] warned\n", "Z req-1 [ERROR] by the logger\n", "\nplain\nFC Invoke End RequestId: req-1\n",
		"FC Invoke Start RequestId: req-1\n",
		"FC Invoke End RequestId: req-1, Error: Unhandled function error\n", "FC Invoke End RequestId: req-1, Error: Handled function error\n",
		"FC Initialize Start RequestId: req-1\n", "FC Initialize End RequestId: req-1\n",
		"FC PreStop Start RequestId: req-1\n", "[INFO] state is req-1,sync\nFC PreStop End RequestId: req-1\n",
		"Mine: thrown\n",
	} {
		i.waitLog(want)
	}
	checkTransport(t, i, "index.echo")
}

func TestNodeEndsAfterWhatNobodyCaught(t *testing.T) {
	for _, name := range []string{"uncaught", "unhandled"} {
		t.Run(name, func(t *testing.T) {
			i := start(t, "nodejs18", map[string]string{"index.js": nodeFunction})
			got := i.invoke("index."+name, "")
			if got.errorType != fc.UnhandledInvocationError || !strings.Contains(got.body, `{"errorMessage":"`+name+`","errorType":"Mine"`) {
				t.Errorf("answer is %+v", got)
			}
			i.waitExit(1)
		})
	}
	t.Run("process.exit", func(t *testing.T) {
		i := start(t, "nodejs16", map[string]string{"index.js": nodeFunction}, "FC_FUNCTION_HANDLER=index.exits")
		if a, err := i.send("/invoke", "index.exits", nil); err == nil {
			t.Errorf("an answer came: %+v", a)
		}
		i.waitExit(7)
	})
}

func TestNodeLoadsTheHandlerBeforeTheFirstCall(t *testing.T) {
	i := start(t, "nodejs14", map[string]string{"index.js": "console.log('loaded'); exports.handler = async () => 'ok';"}, "FC_FUNCTION_HANDLER=index.handler")
	i.waitLog("[INFO] loaded\nFunctionCompute nodejs runtime inited.\n")
	if got := i.invoke("index.handler", ""); got.body != "ok" {
		t.Errorf("answer is %+v", got)
	}
}
