package bootstrap_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/fc"
)

var pythons = []fc.Runtime{"python3.9", "python3.10", "python3.12", "python3"}

const pythonFunction = `
import os, sys

def echo(event, context):
    assert type(event) is bytes
    return event

def context(event, context):
    c, f, s, t = context.credentials, context.function, context.service, context.tracing
    return [context.request_id, c.access_key_id, c.access_key_secret, c.security_token,
            f.name, f.handler, f.memory, f.timeout, f.version_id, f.qualifier,
            s.name, s.log_project, s.log_store, s.qualifier, s.version_id,
            context.region, context.account_id, context.retry_count, context.log_project,
            t.span_context, t.jaeger_endpoint, t.span_baggages]

def text(event, context):
    return "größe"

def array(event, context):
    return bytearray(b"array")

def nothing(event, context):
    return None

def unfit(event, context):
    return object()

class Mine(Exception):
    pass

def inner(event):
    raise Mine("no %s" % event.decode())

def fails(event, context):
    inner(event)

def exits(event, context):
    sys.stdout.write("half a line")
    sys.exit(7)

def exits_at_once(event, context):
    os._exit(9)

def logs(event, context):
    import logging
    logging.getLogger().info("by logging")
    logging.getLogger("mine").debug("too fine")
    context.logger.warning("by the logger")
    print("printed")
    print("to stderr", file=sys.stderr)

state = []

def initialize(context):
    state.append(context.request_id)

def bad_initialize(context):
    raise ValueError("bad start")

def pre_stop(context):
    print("state is", state)

def paths(event, context):
    import layered, shadowed
    return [layered.name, shadowed.name, __file__.endswith("/index.py"), os.getcwd() == sys.path[0], sys.argv]

def site(event, context):
    try:
        import surely_not_installed_anywhere
    except ImportError as e:
        return str(e) + " " + str(any("-packages" in p for p in sys.path) )

def spawns(event, context):
    import multiprocessing, subprocess, sys
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        lengths = pool.map(len, ["abc"])
    inherited = subprocess.run(["/bin/sh", "-c", "(: <&3) 2>/dev/null && echo yes || echo no"], stdout=subprocess.PIPE)
    return [lengths, inherited.stdout.decode(), any("-packages" in p for p in sys.path)]

value = 3
`

func TestPython(t *testing.T) {
	for _, rt := range pythons {
		t.Run(string(rt), func(t *testing.T) {
			i := start(t, rt, map[string]string{
				"index.py":                     pythonFunction,
				"sub/dir/mod.py":               "from . import neighbour\ndef handler(e, c): return neighbour.name",
				"sub/dir/neighbour.py":         "name = 'neighbour'",
				"with-dash.py":                 "def handler(e, c): return 'dash'",
				"select.py":                    "def handler(e, c): return 'selected'",
				"time.py":                      "def handler(e, c): return 'timed'",
				"io.py":                        "def handler(e, c): return 'io'",
				"needs.py":                     "import surely_not_installed_anywhere",
				"broken.py":                    "def handler(e, c:\n",
				"raises.py":                    "1 / 0",
				"/opt/python/layered.py":       "name = 'layer'",
				"/opt/python/shadowed.py":      "name = 'layer'",
				"shadowed.py":                  "name = 'code'",
				"/opt/python/only_in_layer.py": "def handler(e, c): return 'layer'",
			})
			ok, failed := 200, 404
			unhandled := fc.UnhandledInvocationError
			i.check([]call{
				{"bytes", "", "index.echo", "\x00\xff", answer{ok, "", "\x00\xff"}},
				{"an empty event", "", "index.echo", "", answer{ok, "", ""}},
				{"text", "", "index.text", "", answer{ok, "", "größe"}},
				{"a bytearray", "", "index.array", "", answer{ok, "", "array"}},
				{"None is null", "", "index.nothing", "", answer{ok, "", "null"}},
				{"context", "", "index.context", "", answer{ok, "", `["req-1", "ak", "sk", "st", "fn", "index.context", 128, 60, "7", "prod", "", "lp", "ls", "prod", "7", "cn-test", "123", 2, "lp", "sc", "je", {"a": "b"}]`}},
				{"imports", "", "index.paths", "", answer{ok, "", `["layer", "code", true, true, ["` + i.cmd.Dir + `"]]`}},
				{"a file in folders", "", "sub/dir/mod.handler", "", answer{ok, "", "neighbour"}},
				{"a file in folders with dots", "", "sub.dir.mod.handler", "", answer{ok, "", "neighbour"}},
				{"a file that is no identifier", "", "with-dash.handler", "", answer{ok, "", "dash"}},
				{"a file named like a module in use", "", "select.handler", "", answer{ok, "", "selected"}},
				{"a file named like a built-in module", "", "time.handler", "", answer{ok, "", "timed"}},
				{"a file named like a frozen module", "", "io.handler", "", answer{ok, "", "io"}},
				{"a file of a layer", "", "only_in_layer.handler", "", answer{ok, "", "layer"}},
				{"an exception", "", "index.fails", "luck", answer{failed, unhandled, `"errorMessage": "no luck", "errorType": "Mine", "stackTrace": [["`}},
				{"a result that is no JSON", "", "index.unfit", "", answer{failed, unhandled, `"errorType": "TypeError"`}},
				{"a missing file", "", "nowhere.handler", "", answer{failed, unhandled, `"errorType": "ImportModuleError", "stackTrace": []`}},
				{"a missing file in a folder", "", "sub/nowhere.handler", "", answer{failed, unhandled, `"errorType": "ImportModuleError", "stackTrace": []`}},
				{"a missing import", "", "needs.handler", "", answer{failed, unhandled, `No module named 'surely_not_installed_anywhere'", "errorType": "ImportModuleError", "stackTrace": [["`}},
				{"a missing function", "", "index.nope", "", answer{failed, unhandled, `"errorType": "HandlerNotFound"`}},
				{"not a function", "", "index.value", "", answer{failed, unhandled, `"errorType": "HandlerNotFound"`}},
				{"a handler without dot", "", "index", "", answer{failed, unhandled, `"errorType": "HandlerNotFound"`}},
				{"no handler", "", "", "", answer{failed, unhandled, `"errorType": "HandlerNotFound"`}},
				{"a syntax error", "", "broken.handler", "", answer{failed, unhandled, `"errorType": "SyntaxError"`}},
				{"a file that raises", "", "raises.handler", "", answer{failed, unhandled, `"errorType": "ZeroDivisionError"`}},
				{"a good initializer", "/initialize", "index.initialize", "", answer{ok, "", ""}},
				{"a bad initializer", "/initialize", "index.bad_initialize", "", answer{failed, fc.InitializationError, `"errorMessage": "bad start"`}},
				{"a pre-stop hook", "/pre-stop", "index.pre_stop", "", answer{ok, "", ""}},
				{"site-packages on demand", "", "index.site", "", answer{ok, "", "No module named 'surely_not_installed_anywhere' True"}},
			})
			checkPythonTrace(t, i)
			checkPythonLog(t, i)
			checkTransport(t, i, "index.echo")
		})
	}
}

func checkPythonTrace(t *testing.T, i *instance) {
	var e struct{ StackTrace [][]any }
	if err := json.Unmarshal([]byte(i.invoke("index.fails", "luck").body), &e); err != nil || len(e.StackTrace) != 2 {
		t.Fatalf("stack is %v, %v", e.StackTrace, err)
	}
	for n, want := range []string{"fails inner(event)", `inner raise Mine("no %s" % event.decode())`} {
		f := e.StackTrace[n]
		if !strings.HasSuffix(f[0].(string), "/index.py") || f[1].(float64) < 10 || fmt.Sprint(f[2], " ", f[3]) != want {
			t.Errorf("frame is %v, want %s", f, want)
		}
	}
}

func checkPythonLog(t *testing.T, i *instance) {
	i.invoke("index.logs", "")
	i.waitLog("to stderr\nFC Invoke End RequestId: req-1\n")
	log := i.log()
	log = log[strings.LastIndex(log, "FC Invoke Start"):]
	for _, want := range []string{
		"FC Invoke Start RequestId: req-1\n", "Z req-1 [INFO] by logging\n", "Z req-1 [WARNING] by the logger\n", "printed\n", "to stderr\n",
		"FC Invoke End RequestId: req-1\n",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log of a call has no %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "too fine") {
		t.Error("debug lines are logged")
	}
	for _, want := range []string{
		"FunctionCompute python3 runtime inited.\n",
		"FC Invoke End RequestId: req-1, Error: Unhandled function error\n",
		"FC Initialize Start RequestId: req-1\n", "FC Initialize End RequestId: req-1\n",
		"FC Initialize End RequestId: req-1, Error: Unhandled function error\n",
		"FC PreStop Start RequestId: req-1\nstate is ['req-1']\nFC PreStop End RequestId: req-1\n",
		"Traceback (most recent call last):\n", "Mine: no luck\n",
	} {
		i.waitLog(want)
	}
}

func TestPythonEndsWithItsHandler(t *testing.T) {
	for handler, code := range map[string]int{"index.exits": 7, "index.exits_at_once": 9} {
		t.Run(handler, func(t *testing.T) {
			i := start(t, "python3", map[string]string{"index.py": pythonFunction}, "FC_FUNCTION_HANDLER="+handler)
			if a, err := i.send("/invoke", handler, nil); err == nil {
				t.Errorf("an answer came: %+v", a)
			}
			i.waitExit(code)
			if handler == "index.exits" {
				i.waitLog("half a line")
			}
		})
	}
	t.Run("while it is loaded", func(t *testing.T) {
		i := start(t, "python3", map[string]string{"index.py": "import sys, threading\nthreading.Thread(target=threading.Event().wait).start()\nsys.exit('gave up')"}, "FC_FUNCTION_HANDLER=index.handler")
		i.waitExit(1)
		i.waitLog("gave up\n")
	})
}

func TestPythonLoadsTheHandlerBeforeTheFirstCall(t *testing.T) {
	i := start(t, "python3", map[string]string{"index.py": "print('loaded')\ndef handler(e, c): return 'ok'"}, "FC_FUNCTION_HANDLER=index.handler")
	i.waitLog("loaded\nFunctionCompute python3 runtime inited.\n")
	if got := i.invoke("index.handler", ""); got.body != "ok" {
		t.Errorf("answer is %+v", got)
	}
}

func TestPythonTriesAgainToLoad(t *testing.T) {
	i := start(t, "python3", map[string]string{"index.py": `
import os
if not os.path.exists("second"):
    open("second", "w").close()
    raise OSError("not yet")
def handler(e, c): return 'ok'
`})
	if got := i.invoke("index.handler", ""); !strings.Contains(got.body, `"errorType": "OSError"`) {
		t.Errorf("answer is %+v", got)
	}
	if got := i.invoke("index.handler", ""); got.body != "ok" {
		t.Errorf("answer is %+v", got)
	}
}

func TestPythonStartsProcessesOfItsOwn(t *testing.T) {
	i := start(t, "python3", map[string]string{"index.py": pythonFunction})
	if got := i.invoke("index.spawns", ""); got.body != `[[3], "no\n", false]` {
		t.Errorf("answer is %+v", got)
	}
}
