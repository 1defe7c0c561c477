"""Runs the handlers of a Python function.

Usage: bootstrap CODE_DIR [LAYER_DIR]. Serves HTTP/1.1 on the listener inherited as file 3:
POST /invoke, POST /initialize, GET /pre-stop, everything else in x-fc-* headers. One
request at a time, whatever the number of connections.

A cold start waits for every module imported here, so before the first answer there are
only built-in ones and _socket; site, logging, json and traceback come when needed. Works
with Python 3.6 and later.
"""
import posix
import sys
import _socket

LISTENER = 3
CODE = sys.argv[1].rstrip("/") or "/"
LAYER = sys.argv[2] if len(sys.argv) > 2 else "/opt/python"
REQUEST_ID = ""
HANDLERS = {}
if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # where this file is
OWN_PATH = sys.path[:]  # where the standard library is


# --- What users' code finds when it is loaded -----------------------------------------

# What the standard library tries to import though it is for other systems.
FOREIGN = frozenset(("_winapi", "_winreg", "java", "msvcrt", "nt", "org", "vms_lib", "winreg"))


class SiteOnDemand:
    """Last of the finders: brings in site-packages once something is not found without."""

    def find_spec(self, name, path=None, target=None):
        if path is not None or name in FOREIGN:
            return None
        sys.meta_path.remove(self)
        import site
        site.main()
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
        return None


class LoggingOnDemand:
    """First of the finders: sets logging up as it is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            set_up_logging(module)

        spec.loader.exec_module = exec_module
        return spec


def set_up_logging(logging):
    import time

    class Formatter(logging.Formatter):
        converter = time.gmtime

        def format(self, record):
            record.request_id = REQUEST_ID
            return super().format(record)

    class Handler(logging.StreamHandler):
        def emit(self, record):
            self.stream = sys.stdout  # whoever has replaced it
            super().emit(record)

    handler = Handler(sys.stdout)
    handler.setFormatter(Formatter(
        "%(asctime)s.%(msecs)03dZ %(request_id)s [%(levelname)s] %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def prepare():
    globals().pop("__file__", None)  # multiprocessing would run it again in its children
    sys.path[:0] = [CODE, LAYER]
    sys.argv[:] = [CODE]
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, LoggingOnDemand())
    sys.meta_path.append(SiteOnDemand())
    import builtins
    builtins.exit = builtins.quit = sys.exit
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    posix.set_blocking(LISTENER, True)
    posix.set_inheritable(LISTENER, False)


class LoadError(Exception):
    """The handler cannot be had; kind is the errorType to report."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def load(handler):
    """Gives the function of "file.func"; file may lie in folders, joined by / or dots."""
    found = HANDLERS.get(handler)
    if found is not None:
        return found
    file, dot, name = handler.rpartition(".")
    if not dot or not file or not name:
        raise LoadError("HandlerNotFound", "handler %r is not of the form file.function" % handler)
    module = load_module(file.strip("/").replace("/", "."))
    function = getattr(module, name, None)
    if function is None:
        raise LoadError("HandlerNotFound", "module %r has no function %r" % (file, name))
    if not callable(function):
        raise LoadError("HandlerNotFound", "%r of module %r cannot be called" % (name, file))
    HANDLERS[handler] = function
    return function


def load_module(name):
    path = CODE + "/" + name.replace(".", "/") + ".py"
    try:
        __import__(name)
    except ImportError as e:
        if e.name and (name + ".").startswith(e.name + ".") and not e.path:
            raise LoadError("ImportModuleError", "Unable to import module %r: there is no file %s" % (name, path)) from None
        raise
    module = sys.modules[name]
    if getattr(module, "__file__", None) != path and exists(path):
        module = load_file(name, path)
    return module


def load_file(name, path):
    """Loads a file whose module name belongs to something else, like time or select."""
    import importlib.util
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exists(path):
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


# --- The context of a call ------------------------------------------------------------

class Fields:
    """A bag of named values."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        return "%s(%s)" % (type(self).__name__, ", ".join("%s=%r" % f for f in self.__dict__.items() if "secret" not in f[0] and "token" not in f[0]))


class Credentials(Fields):
    pass


class Function(Fields):
    pass


class Service(Fields):
    pass


class Tracing:
    def __init__(self, get):
        self.span_context = get("x-fc-tracing-opentracing-span-context", "")
        self.jaeger_endpoint = get("x-fc-tracing-jaeger-endpoint", "")
        self._baggages = get("x-fc-tracing-opentracing-span-baggages", "")

    @property
    def span_baggages(self):
        if not self._baggages:
            return {}
        import base64
        import json
        try:
            return json.loads(base64.b64decode(self._baggages).decode())
        except ValueError:
            return {}


class Context(Fields):
    def __init__(self, headers):
        get = headers.get
        version, qualifier = get("x-fc-version-id", ""), get("x-fc-qualifier", "")
        project, store = get("x-fc-service-logproject", ""), get("x-fc-service-logstore", "")
        self.request_id = get("x-fc-request-id", "")
        self.credentials = Credentials(
            access_key_id=get("x-fc-access-key-id", ""),
            access_key_secret=get("x-fc-access-key-secret", ""),
            security_token=get("x-fc-security-token", ""))
        self.function = Function(
            name=get("x-fc-function-name", ""),
            handler=get("x-fc-function-handler", ""),
            memory=number(get("x-fc-function-memory")),
            timeout=number(get("x-fc-function-timeout")),
            version_id=version,
            qualifier=qualifier)
        self.service = Service(
            name=get("x-fc-service-name", ""), log_project=project, log_store=store,
            qualifier=qualifier, version_id=version)
        self.log_project = project
        self.log_store = store
        self.region = get("x-fc-region", "")
        self.account_id = get("x-fc-account-id", "")
        self.retry_count = number(get("x-fc-retry-count"))
        self.tracing = Tracing(get)

    @property
    def logger(self):
        import logging
        return logging.getLogger()


def number(text):
    try:
        return int(text)
    except (TypeError, ValueError):
        return 0


# --- Calls ----------------------------------------------------------------------------

KINDS = {
    # path: (word in the log, header that names the handler, error type)
    "/invoke": ("Invoke", "x-fc-function-handler", "UnhandledInvocationError"),
    "/initialize": ("Initialize", "x-fc-function-initializer", "InitializationError"),
    "/pre-stop": ("PreStop", "x-fc-instance-lifecycle-pre-stop-handler", "UnhandledInvocationError"),
}


def answer(path, headers, body):
    """Gives status line and headers, and the body."""
    global REQUEST_ID
    kind = KINDS.get(path)
    if kind is None:
        return head("404 Not Found", 0), b""
    word, named, failure = kind
    REQUEST_ID = headers.get("x-fc-request-id", "")
    log("FC %s Start RequestId: %s\n" % (word, REQUEST_ID))
    try:
        handler = load(headers.get(named, ""))
        context = Context(headers)
        result = encode(handler(body, context)) if word == "Invoke" else hook(handler, context)
    except SystemExit:
        raise
    except BaseException as e:
        failed = describe(e)
        flush()
        log("FC %s End RequestId: %s, Error: Unhandled function error\n" % (word, REQUEST_ID))
        return head("404 Not Found", len(failed), "x-fc-status: 404\r\nx-fc-error-type: %s\r\n" % failure), failed
    flush()
    log("FC %s End RequestId: %s\n" % (word, REQUEST_ID))
    return head("200 OK", len(result)), result


def hook(handler, context):
    handler(context)
    return b""


def encode(result):
    if isinstance(result, bytes):
        return result
    if isinstance(result, str):
        return result.encode("utf-8", "surrogateescape")
    if isinstance(result, (bytearray, memoryview)):
        return bytes(result)
    import json
    return json.dumps(result).encode()


def describe(e):
    """Writes the traceback to the log and gives the error as JSON."""
    import json
    import traceback
    own = describe.__code__.co_filename
    frames = [f for f in traceback.extract_tb(e.__traceback__) if f[0] != own and not f[0].startswith("<frozen importlib")]
    kind = type(e).__name__
    if isinstance(e, LoadError):
        kind = e.kind
    elif isinstance(e, ImportError):
        kind = "ImportModuleError"
    try:
        message = str(e)
    except Exception:
        message = "(the exception cannot be turned into text)"
    lines = traceback.format_list(frames)
    if lines:
        lines.insert(0, "Traceback (most recent call last):\n")
    if isinstance(e, SyntaxError):
        lines += traceback.format_exception_only(type(e), e)
    else:
        lines.append("%s: %s\n" % (kind, message))
    flush()
    log("".join(lines))
    return json.dumps({
        "errorMessage": message,
        "errorType": kind,
        "stackTrace": [[f[0], f[1], f[2], f[3]] for f in frames],
    }).encode("utf-8", "replace")


def log(text):
    """Past sys.stdout, which users may have replaced or left half full."""
    write(1, text.encode("utf-8", "replace"))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # theirs


# --- HTTP -----------------------------------------------------------------------------

def head(status, length, more=""):
    return ("HTTP/1.1 %s\r\ncontent-type: application/octet-stream\r\n%scontent-length: %d\r\n\r\n" % (status, more, length)).encode("latin-1")


CHUNK = 1 << 16


class Connection:
    """One connection and what was read from it but not yet used."""

    def __init__(self, fd):
        self.fd = fd
        self.rest = b""

    def serve(self):
        """Serves one request; false if the connection has ended."""
        while True:
            end = self.rest.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(self.rest) > 1 << 20 or not self.more():
                return False
        lines = self.rest[:end].decode("latin-1").split("\r\n")
        self.rest = self.rest[end + 4:]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        target = lines[0].split(" ")[1].partition("?")[0]
        if headers.get("expect"):
            write(self.fd, b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self.chunked()
        else:
            body = self.take(number(headers.get("content-length")))
        first, second = answer(target, headers, body)
        del body
        if len(second) <= CHUNK:
            write(self.fd, first + second)
        else:
            write(self.fd, first)
            write(self.fd, second)
        return headers.get("connection", "").lower() != "close"

    def more(self):
        got = posix.read(self.fd, CHUNK)
        self.rest += got
        return got

    def take(self, n):
        """Gives the next n bytes."""
        if len(self.rest) >= n:
            body, self.rest = self.rest[:n], self.rest[n:]
            return body
        body = bytearray(n)
        at = len(self.rest)
        body[:at] = self.rest
        self.rest = b""
        with memoryview(body) as view:
            while at < n:
                got = posix.readv(self.fd, [view[at:]])
                if not got:
                    raise ConnectionResetError("the request broke off")
                at += got
        return bytes(body)

    def line(self):
        while True:
            end = self.rest.find(b"\r\n")
            if end >= 0:
                line, self.rest = self.rest[:end], self.rest[end + 2:]
                return line
            if not self.more():
                raise ConnectionResetError("the request broke off")

    def chunked(self):
        parts = []
        while True:
            n = int(self.line().partition(b";")[0], 16)
            if not n:
                break
            parts.append(self.take(n))
            self.take(2)
        while self.line():
            pass
        return b"".join(parts)


def write(fd, data):
    try:
        n = posix.write(fd, data)
    except BlockingIOError:
        n = 0
        posix.set_blocking(fd, True)
    if n < len(data):
        view = memoryview(data)
        while n < len(view):
            n += posix.write(fd, view[n:])


def import_own(name):
    """Imports from the standard library, even if users have a module of that name."""
    theirs, path = sys.modules.pop(name, None), sys.path[:]
    sys.path[:] = OWN_PATH
    try:
        return __import__(name)
    finally:
        sys.path[:] = path
        if theirs is not None:
            sys.modules[name] = theirs


def serve():
    listener = _socket.socket(fileno=LISTENER)
    connections = {}

    def accept():
        fd, _ = listener._accept()
        posix.set_blocking(fd, True)
        connections[fd] = Connection(fd)
        return fd

    def serve_one(fd):
        try:
            alive = connections[fd].serve()
        except (OSError, ValueError, IndexError):
            alive = False  # the peer went away or does not speak HTTP
        if not alive:
            del connections[fd]
            posix.close(fd)
        return alive

    # Usually the first request waits already; what it takes to watch many connections
    # is loaded after it was answered.
    first = accept()
    peek = _socket.socket(fileno=first)
    try:
        waits = peek.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT) != b""
    except OSError:
        waits = False
    peek.detach()
    if waits:
        serve_one(first)

    select = import_own("select")
    poll = select.poll()
    poll.register(LISTENER, select.POLLIN)
    for fd in connections:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == LISTENER:
                poll.register(accept(), select.POLLIN)
                continue
            connection = connections[fd]
            while serve_one(fd):
                if not connection.rest:
                    break
            else:
                poll.unregister(fd)


def main():
    prepare()
    handler = posix.environ.get(b"FC_FUNCTION_HANDLER", b"").decode("utf-8", "replace")
    if handler:
        try:
            load(handler)
        except SystemExit:
            raise
        except BaseException:
            pass  # the first call tries again and reports it
    log("FunctionCompute python3 runtime inited.\n")
    serve()


def leave(code):
    """Ends the process now, whatever threads users have left running."""
    if code is not None and not isinstance(code, int):
        log("%s\n" % (code,))
        code = 1
    flush()
    posix._exit((code or 0) & 0xff)


try:
    main()
except SystemExit as e:
    leave(e.code)
