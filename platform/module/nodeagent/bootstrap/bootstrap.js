'use strict';
// Runs the handlers of a Node.js function.
//
// Usage: bootstrap CODE_DIR [LAYER_DIR]. Serves HTTP/1.1 on the listener inherited as
// file 3: POST /invoke, POST /initialize, GET /pre-stop, everything else in x-fc-*
// headers. One call at a time, whatever the number of connections. It speaks HTTP itself,
// because loading the http module would be the larger part of what it adds to a cold
// start. Works with Node.js 12.17 and later.

const fs = require('fs');
const net = require('net');
const path = require('path');

const LISTENER = 3;
const CODE = path.resolve(process.argv[2]);
const LAYER = process.argv[3] || '/opt/nodejs/node_modules';
const UNHANDLED = 'UnhandledInvocationError';
const handlers = new Map();
let requestId = '';
let current = null; // fails the running call

// --- Logs -----------------------------------------------------------------------------

function write(text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (e) {
      if (e.code !== 'EAGAIN') return; // nobody reads
    }
  }
}

const logger = {};
for (const [name, level] of [['debug', 'DEBUG'], ['info', 'INFO'], ['log', 'INFO'], ['warn', 'WARN'], ['error', 'ERROR'], ['trace', 'DEBUG']]) {
  logger[name] = (...args) => {
    write(`${new Date().toISOString()} ${requestId} [${level}] ${require('util').format(...args)}\n`);
  };
  if (name !== 'trace') console[name] = logger[name];
}

// --- Handlers -------------------------------------------------------------------------

class LoadError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
    this.stack = `${kind}: ${message}`;
  }
}

// load gives the function of "file.export"; file may lie in folders.
async function load(handler) {
  const found = handlers.get(handler);
  if (found) return found;
  const dot = handler.lastIndexOf('.');
  if (dot <= 0 || dot === handler.length - 1) {
    throw new LoadError('HandlerNotFound', `handler '${handler}' is not of the form file.export`);
  }
  const base = handler.slice(0, dot);
  const name = handler.slice(dot + 1);
  const exported = await loadModule(base);
  let fn = exported[name];
  if (fn === undefined && exported.default) fn = exported.default[name];
  if (typeof fn !== 'function') {
    throw new LoadError('HandlerNotFound', `module '${base}' exports no function '${name}'`);
  }
  handlers.set(handler, fn);
  return fn;
}

async function loadModule(base) {
  const file = find(path.join(CODE, base));
  if (!file) throw new LoadError('ImportModuleError', `Cannot find module '${base}' in ${CODE}`);
  try {
    if (isESM(file)) return await import(require('url').pathToFileURL(file).href);
    return require(file);
  } catch (e) {
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) e.name = 'ImportModuleError';
    throw e;
  }
}

function find(base) {
  for (const end of ['.js', '.mjs', '.cjs', '', '/index.js', '/index.mjs', '/index.cjs']) {
    try {
      if (fs.statSync(base + end).isFile()) return base + end;
    } catch (e) {
      // the next one
    }
  }
  return '';
}

// isESM tells as Node.js does: by the extension, then by the nearest package.json.
function isESM(file) {
  if (!file.endsWith('.js')) return file.endsWith('.mjs');
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).type === 'module';
    } catch (e) {
      if (e.code !== 'ENOENT' || dir === CODE || dir === path.dirname(dir)) return false;
    }
  }
}

// --- Calls ----------------------------------------------------------------------------

function makeContext(h) {
  const get = (name) => h[name] || '';
  const number = (name) => parseInt(h[name], 10) || 0;
  return {
    requestId: get('x-fc-request-id'),
    credentials: {
      accessKeyId: get('x-fc-access-key-id'),
      accessKeySecret: get('x-fc-access-key-secret'),
      securityToken: get('x-fc-security-token'),
    },
    function: {
      name: get('x-fc-function-name'),
      handler: get('x-fc-function-handler'),
      memory: number('x-fc-function-memory'),
      timeout: number('x-fc-function-timeout'),
    },
    service: {
      name: get('x-fc-service-name'),
      logProject: get('x-fc-service-logproject'),
      logStore: get('x-fc-service-logstore'),
      qualifier: get('x-fc-qualifier'),
      versionId: get('x-fc-version-id'),
    },
    region: get('x-fc-region'),
    accountId: get('x-fc-account-id'),
    retryCount: number('x-fc-retry-count'),
    tracing: {
      spanContext: get('x-fc-tracing-opentracing-span-context'),
      jaegerEndpoint: get('x-fc-tracing-jaeger-endpoint'),
      get spanBaggages() {
        try {
          return JSON.parse(Buffer.from(get('x-fc-tracing-opentracing-span-baggages'), 'base64').toString());
        } catch (e) {
          return {};
        }
      },
    },
    logger,
  };
}

// call runs fn(...args, callback) and settles as the callback, the promise or an
// exception that nobody caught says; the first one counts. A function that declares no
// parameter for the callback is done when it returns; one that declares no parameters at
// all may take it as a rest parameter, so only a value tells.
function call(fn, args) {
  return new Promise((resolve, reject) => {
    const fail = (error, kind) => reject(Object.assign(new Failure(), { error, kind }));
    current = fail;
    const callback = (error, result) => {
      if (error !== null && error !== undefined) fail(error, 'HandledInvocationError');
      else resolve(result);
    };
    let returned;
    try {
      returned = fn(...args, callback);
    } catch (e) {
      fail(e, UNHANDLED);
      return;
    }
    if (returned && typeof returned.then === 'function') {
      returned.then(resolve, (e) => fail(e, UNHANDLED));
    } else if (fn.length <= args.length && (fn.length > 0 || returned !== undefined)) {
      resolve(returned);
    }
  });
}

class Failure {}

function encode(result) {
  if (Buffer.isBuffer(result)) return result;
  if (result instanceof Uint8Array) return Buffer.from(result.buffer, result.byteOffset, result.byteLength);
  if (typeof result === 'string') return Buffer.from(result);
  if (result === undefined) return Buffer.alloc(0);
  return Buffer.from(JSON.stringify(result));
}

function describe(error) {
  const is = error !== null && typeof error === 'object';
  const message = is && 'message' in error ? String(error.message) : text(error);
  const stack = is && typeof error.stack === 'string' ? error.stack.split('\n') : [];
  const frames = stack.filter((line) => /^\s+at /.test(line) && !line.includes(__filename) && !/\(?(node:)?internal\//.test(line));
  const type = is ? String(error.name || (error.constructor && error.constructor.name) || 'Error') : 'Error';
  write(`${new Date().toISOString()} ${requestId} [ERROR] ${stack.length ? stack.join('\n') : message}\n`);
  return Buffer.from(JSON.stringify({ errorMessage: message, errorType: type, stackTrace: frames.map((line) => line.trim()) }));
}

function text(value) {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) || String(value);
  } catch (e) {
    return String(value);
  }
}

const kinds = {
  // path: [word in the log, header that names the handler, error type unless it is a call's own]
  '/invoke': ['Invoke', 'x-fc-function-handler', ''],
  '/initialize': ['Initialize', 'x-fc-function-initializer', 'InitializationError'],
  '/pre-stop': ['PreStop', 'x-fc-instance-lifecycle-pre-stop-handler', ''],
};

// answer gives [status, headers, body] of one request.
async function answer(target, headers, body) {
  const kind = kinds[target];
  if (!kind) return ['404 Not Found', '', Buffer.alloc(0)];
  const [word, named, failure] = kind;
  requestId = headers['x-fc-request-id'] || '';
  write(`FC ${word} Start RequestId: ${requestId}\n`);
  try {
    const fn = await load(headers[named] || '');
    const context = makeContext(headers);
    const result = await call(fn, word === 'Invoke' ? [body, context] : [context]);
    const bytes = word === 'Invoke' ? encode(result) : Buffer.alloc(0);
    write(`FC ${word} End RequestId: ${requestId}\n`);
    return ['200 OK', '', bytes];
  } catch (e) {
    const [error, type] = e instanceof Failure ? [e.error, e.kind] : [e, UNHANDLED];
    const bytes = describe(error);
    write(`FC ${word} End RequestId: ${requestId}, Error: ${type === UNHANDLED ? 'Unhandled' : 'Handled'} function error\n`);
    return ['404 Not Found', `x-fc-status: 404\r\nx-fc-error-type: ${failure || type}\r\n`, bytes];
  } finally {
    current = null;
  }
}

// --- HTTP -----------------------------------------------------------------------------

let turn = Promise.resolve(); // ends with the last request there is
let leaving = false;

// Reader takes a connection apart into requests.
class Reader {
  constructor(socket) {
    this.socket = socket;
    this.parts = []; // read and not used
    this.size = 0;
    this.want = null; // resolves when there is more
    this.ended = false;
    socket.on('data', (chunk) => {
      this.parts.push(chunk);
      this.size += chunk.length;
      this.wake();
    });
    const end = () => {
      this.ended = true;
      this.wake();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  wake() {
    const want = this.want;
    this.want = null;
    if (want) want();
  }

  async more() {
    if (this.ended) throw new Error('the request broke off');
    await new Promise((resolve) => { this.want = resolve; });
  }

  join() {
    if (this.parts.length !== 1) this.parts = [Buffer.concat(this.parts, this.size)];
    return this.parts[0];
  }

  async take(n) {
    while (this.size < n) await this.more();
    const all = this.join();
    this.parts = n < all.length ? [all.slice(n)] : [];
    this.size -= n;
    return all.slice(0, n);
  }

  // until gives what comes before the mark and skips that.
  async until(mark) {
    for (let from = 0; ;) {
      const all = this.size ? this.join() : Buffer.alloc(0);
      const at = all.indexOf(mark, from);
      if (at >= 0) {
        const text = (await this.take(at + mark.length)).toString('latin1', 0, at);
        return text;
      }
      if (all.length > 1 << 20) throw new Error('head too long');
      from = Math.max(0, all.length - mark.length);
      await this.more();
    }
  }

  async chunked() {
    const parts = [];
    for (;;) {
      const n = parseInt(await this.until('\r\n'), 16);
      if (!(n >= 0)) throw new Error('bad chunk');
      if (n === 0) break;
      parts.push(await this.take(n));
      await this.take(2);
    }
    while (await this.until('\r\n'));
    return Buffer.concat(parts);
  }

  // request reads one whole request.
  async request() {
    const lines = (await this.until('\r\n\r\n')).split('\r\n');
    const headers = {};
    for (let i = 1; i < lines.length; i++) {
      const colon = lines[i].indexOf(':');
      headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
    }
    if (headers.expect) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const body = /chunked/i.test(headers['transfer-encoding'] || '')
      ? await this.chunked() : await this.take(parseInt(headers['content-length'], 10) || 0);
    return { target: lines[0].split(' ')[1].split('?')[0], headers, body };
  }
}

async function serve(socket) {
  const reader = new Reader(socket);
  try {
    for (;;) {
      const r = await reader.request();
      let done;
      const before = turn;
      turn = new Promise((resolve) => { done = resolve; });
      await before;
      try {
        const [status, more, body] = await answer(r.target, r.headers, r.body);
        const head = `HTTP/1.1 ${status}\r\ncontent-type: application/octet-stream\r\n${more}content-length: ${body.length}\r\n\r\n`;
        socket.cork();
        socket.write(head, 'latin1');
        socket.write(body, leaving ? () => process.exit(1) : undefined);
        socket.uncork();
      } finally {
        done();
      }
      if (/close/i.test(r.headers.connection || '')) socket.end();
    }
  } catch (e) {
    socket.destroy(); // the peer went away or does not speak HTTP
  }
}

// An exception nobody caught fails the running call; the process cannot be trusted then.
function uncaught(error) {
  leaving = true;
  if (current) {
    current(error, UNHANDLED);
    return;
  }
  describe(error);
  process.exit(1);
}

process.on('uncaughtException', uncaught);
process.on('unhandledRejection', uncaught);

function prepare() {
  process.argv.splice(1, process.argv.length, CODE);
  process.env.NODE_PATH = [process.env.NODE_PATH, LAYER].filter(Boolean).join(path.delimiter);
  require('module').Module._initPaths();
}

function listen() {
  write('FunctionCompute nodejs runtime inited.\n');
  net.createServer(serve).listen({ fd: LISTENER });
}

prepare();
const handler = process.env.FC_FUNCTION_HANDLER;
if (handler) {
  // If it cannot be loaded, the first call tries again and reports it.
  load(handler).then(listen, listen);
} else {
  listen();
}
