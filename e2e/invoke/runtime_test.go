package invoke

import (
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// A language is a built-in runtime with a function that does everything a test asks of
// it: the event is the name of what to do.
type language struct {
	runtime string
	command string // the interpreter it needs
	file    string
	source  string
}

var languages = []language{
	{"python3.10", "python3", "index.py", `
import json, logging, os, sys, time
started = []

def init(context):
    started.append(context.request_id)

def bad_init(context):
    raise RuntimeError('the initializer does not like it here')

def handler(event, context):
    what = event.decode('utf-8', 'replace')
    if what == 'fail':
        raise ValueError('it is raining')
    if what == 'exit':
        os._exit(3)
    if what == 'sleep':
        time.sleep(30)
    if what == 'log':
        print('a printed line')
        logging.getLogger().warning('a logged line')
    if what == 'object':
        return {'a': [1, None, 'x']}
    if what == 'context':
        return json.dumps({'request': context.request_id, 'function': context.function.name,
            'memory': context.function.memory, 'timeout': context.function.timeout,
            'inits': len(started), 'cwd': os.getcwd(), 'env': os.environ['FC_FUNCTION_NAME']})
    return event
`},
	{"nodejs20", "node", "index.js", `
let inits = 0
exports.init = (context, callback) => { inits++; callback(null, '') }
exports.bad_init = (context, callback) => { throw new Error('the initializer does not like it here') }
exports.handler = async (event, context) => {
  const what = event.toString()
  if (what === 'fail') throw new TypeError('it is raining')
  if (what === 'exit') process.exit(3)
  if (what === 'sleep') await new Promise((resolve) => setTimeout(resolve, 30000))
  if (what === 'log') { console.log('a printed line'); context.logger.warn('a logged line') }
  if (what === 'object') return { a: [1, null, 'x'] }
  if (what === 'context') {
    return JSON.stringify({ request: context.requestId, function: context.function.name,
      memory: context.function.memory, timeout: context.function.timeout, inits,
      cwd: process.cwd(), env: process.env.FC_FUNCTION_NAME })
  }
  return event
}
exports.callback = (event, context, callback) => {
  if (event.toString() === 'fail') return callback(new Error('it is snowing'))
  callback(null, 'called back')
}
`},
}

// create makes a function of l; it skips aloud if the machine cannot run it.
func (l language) create(t *testing.T, p *harness.Platform, change func(*sdk.CreateFunctionInput)) string {
	t.Helper()
	if _, err := exec.LookPath(l.command); err != nil {
		t.Skipf("this machine has no %s", l.command)
	}
	in := &sdk.CreateFunctionInput{
		Runtime: &l.runtime, Handler: new("index.handler"), Timeout: new(int32(20)), MemorySize: new(int32(128)), Cpu: new(float32(0.1)),
		Code: &sdk.InputCodeLocation{ZipFile: new(harness.Zip(map[string][]byte{l.file: []byte(l.source)}))},
	}
	if change != nil {
		change(in)
	}
	return harness.Create(t, p, in)
}

// each runs a test for every language.
func each(t *testing.T, test func(t *testing.T, l language)) {
	for _, l := range languages {
		t.Run(l.runtime, func(t *testing.T) { test(t, l) })
	}
}

func TestAHandlerGetsItsEventAndItsContext(t *testing.T) {
	p := harness.Shared(t)
	each(t, func(t *testing.T, l language) {
		f := l.create(t, p, func(in *sdk.CreateFunctionInput) {
			in.InstanceLifecycleConfig = &sdk.InstanceLifecycleConfig{Initializer: &sdk.LifecycleHook{Handler: new("index.init"), Timeout: new(int32(10))}}
		})
		for _, event := range []string{"", "hello", "bytes \x00\xff", strings.Repeat("0123456789abcdef", 1<<16)} {
			if a := harness.Invoke(t, p, f, event, nil); a.Status != 200 || a.Body != event || a.ErrorType() != "" {
				t.Errorf("of %d bytes %d came back, error %q %+v", len(event), len(a.Body), a.ErrorType(), a.Error)
			}
		}
		if a := harness.Invoke(t, p, f, "object", nil); strings.Join(strings.Fields(a.Body), "") != `{"a":[1,null,"x"]}` {
			t.Errorf("an object became %q", a.Body)
		}
		a := harness.Invoke(t, p, f, "context", nil)
		var got struct {
			Request, Function, Env, Cwd string
			Memory, Timeout, Inits      int
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
			t.Fatalf("%q: %v", a.Body, err)
		}
		if got.Request != a.Header["x-fc-request-id"] || got.Function != f || got.Env != f || got.Memory != 128 || got.Timeout != 20 || got.Inits != 1 || got.Cwd == "" {
			t.Errorf("the context is %+v, the request was %s", got, a.Header["x-fc-request-id"])
		}
	})
}

func TestAHandlerThatFails(t *testing.T) {
	p := harness.Shared(t)
	each(t, func(t *testing.T, l language) {
		f := l.create(t, p, func(in *sdk.CreateFunctionInput) { in.Timeout = new(int32(2)) })
		a := harness.Invoke(t, p, f, "fail", nil)
		var failure struct {
			ErrorMessage, ErrorType string
			StackTrace              json.RawMessage
		}
		if err := json.Unmarshal([]byte(a.Body), &failure); err != nil {
			t.Errorf("the body of the failure is %q: %v", a.Body, err)
		}
		if a.Status != 200 || a.ErrorType() != "UnhandledInvocationError" || failure.ErrorMessage != "it is raining" ||
			!strings.HasSuffix(failure.ErrorType, "Error") || !strings.Contains(string(failure.StackTrace), "index") {
			t.Errorf("answers %d %q %s", a.Status, a.ErrorType(), a.Body)
		}
		for event, says := range map[string]string{"exit": "exited unexpectedly", "sleep": "timed out after 2 second"} {
			if a := harness.Invoke(t, p, f, event, nil); a.Status != 200 || a.ErrorType() != "UnhandledInvocationError" || !strings.Contains(message(t, a), says) {
				t.Errorf("%s answers %d %q %s", event, a.Status, a.ErrorType(), a.Body)
			}
		}
		if a := harness.Invoke(t, p, f, "fine again", nil); a.Body != "fine again" {
			t.Errorf("the call after them answers %+v", a)
		}
	})
}

func TestAHandlerThatCannotBeLoaded(t *testing.T) {
	p := harness.Shared(t)
	each(t, func(t *testing.T, l language) {
		for name, change := range map[string]func(*sdk.CreateFunctionInput){
			"no such function": func(in *sdk.CreateFunctionInput) { in.Handler = new("index.nothing") },
			"no such file":     func(in *sdk.CreateFunctionInput) { in.Handler = new("nothing.handler") },
			"a syntax error": func(in *sdk.CreateFunctionInput) {
				in.Code.ZipFile = new(harness.Zip(map[string][]byte{l.file: []byte("this is (no program")}))
			},
		} {
			t.Run(name, func(t *testing.T) {
				a := harness.Invoke(t, p, l.create(t, p, change), "hi", nil)
				if a.Status != 200 || a.ErrorType() == "" || message(t, a) == "" {
					t.Errorf("answers %d %q %s %+v", a.Status, a.ErrorType(), a.Body, a.Error)
				}
			})
		}
		t.Run("a bad initializer", func(t *testing.T) {
			f := l.create(t, p, func(in *sdk.CreateFunctionInput) {
				in.InstanceLifecycleConfig = &sdk.InstanceLifecycleConfig{Initializer: &sdk.LifecycleHook{Handler: new("index.bad_init"), Timeout: new(int32(10))}}
			})
			a := harness.Invoke(t, p, f, "hi", nil)
			if a.Status != 200 || a.ErrorType() != "InitializationError" || !strings.Contains(a.Body, "does not like it here") {
				t.Errorf("answers %d %q %s %+v", a.Status, a.ErrorType(), a.Body, a.Error)
			}
		})
	})
}

func TestAHandlersLogHasItsLines(t *testing.T) {
	p := harness.Shared(t)
	each(t, func(t *testing.T, l language) {
		f := l.create(t, p, nil)
		a := harness.Invoke(t, p, f, "log", map[string]string{"x-fc-log-type": "Tail"})
		log, err := base64.StdEncoding.DecodeString(a.Header["x-fc-log-result"])
		if err != nil {
			t.Fatal(err)
		}
		id := a.Header["x-fc-request-id"]
		for _, line := range []string{"FC Invoke Start RequestId: " + id, "a printed line", "a logged line", "FC Invoke End RequestId: " + id} {
			if !strings.Contains(string(log), line) {
				t.Errorf("the log lacks %q:\n%s", line, log)
			}
		}
	})
}

func TestAHandlerBehindAnHTTPTriggerGetsAnEvent(t *testing.T) {
	p := harness.Shared(t)
	each(t, func(t *testing.T, l language) {
		s := newSite(t, anonymous)
		s.url = harness.Trigger(t, p, l.create(t, p, nil), anonymous)
		resp, body := s.do(t, "POST", "/a%20b?x=1", "the body", nil)
		var event struct {
			Version, RawPath, Body string
			QueryParameters        map[string]string
			RequestContext         struct{ HTTP struct{ Method, Path string } }
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			t.Fatalf("%d %q: %v", resp.StatusCode, body, err)
		}
		if event.Version != "v1" || event.RawPath != "/a%20b" || event.Body != "the body" || event.QueryParameters["x"] != "1" ||
			event.RequestContext.HTTP.Method != "POST" || event.RequestContext.HTTP.Path != "/a b" {
			t.Errorf("the event is %s", body)
		}
		if resp, _ := s.do(t, "POST", "/", "x", nil); resp.StatusCode != 200 {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

func TestNodeCallbacks(t *testing.T) {
	p := harness.Shared(t)
	f := languages[1].create(t, p, func(in *sdk.CreateFunctionInput) { in.Handler = new("index.callback") })
	if a := harness.Invoke(t, p, f, "hi", nil); a.Body != "called back" || a.ErrorType() != "" {
		t.Errorf("answers %q %q", a.ErrorType(), a.Body)
	}
	if a := harness.Invoke(t, p, f, "fail", nil); a.ErrorType() != "HandledInvocationError" || message(t, a) != "it is snowing" {
		t.Errorf("answers %q %q", a.ErrorType(), a.Body)
	}
}
