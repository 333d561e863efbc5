/*
 * Runs a Node.js handler on the Lambda Runtime API.
 *
 *   start: connects ── told to wait ──► forgets its variables, rehearses, waits to be told what for
 *     │                                   │
 *     ▼ ◄─────────────────────────────────┘
 *   init: console, handler import ── fails ──► POST init/error, exit
 *     │
 *     ▼
 *   GET next ──► handler(event, context) ──► POST response | POST error ──► GET next ...
 *
 * Where the environment runs several invocations at once, there is one such loop for each, begun when all others are at
 * work. They share the process, as handlers of concurrent requests do in any server; the log knows whose a line is.
 *
 * One kept-alive raw socket, no http module: that saves most of a warm invoke. The socket holds the event loop open only
 * while the runtime waits for the Runtime API, so that "the event loop is empty" can end an invocation.
 *
 * A log record of several lines leaves as one line with carriage returns in place of line feeds, as AWS's own client
 * writes it to standard output; the platform turns them back and so keeps the record together.
 */
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const util = require('util');

const env = process.env;
const USER_AGENT = `firelight-node/${process.versions.node}`;
// Tells, by being there, that the process is started before it is known what for; the platform's contract.
const WAITS = '_FIRELIGHT_WAITS';
const WAITING_DESCRIPTOR = 63;
// More than the directory and all variables that fit a process that waits.
const PURPOSE_BYTES = 1 << 15;

/** What the variables say, read once it is known what the process is for. */
const settings = { jsonLogs: false, hasCallbacks: true, concurrency: 1 };

function readSettings() {
  settings.jsonLogs = (env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  settings.hasCallbacks = majorVersion() < 24;
  settings.concurrency = Number(env.AWS_LAMBDA_MAX_CONCURRENCY || 1);
}

/** The major version the function asked for, which a mapped interpreter need not have. */
function majorVersion() {
  const asked = /^AWS_Lambda_nodejs(\d+)\.x$/.exec(env.AWS_EXECUTION_ENV || '');
  return Number(asked ? asked[1] : process.versions.node.split('.')[0]);
}

/** Errors of the runtime itself, by AWS's names. */
function fault(name, message) {
  const error = new Error(message instanceof Error ? String(message) : message);
  Object.defineProperty(error, 'name', { value: `Runtime.${name}`, configurable: true });
  Error.captureStackTrace(error, fault);
  return error;
}

// The Runtime API.

/** One kept-alive connection; one exchange at a time. */
class RuntimeApi {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
    this.common = ` HTTP/1.1\r\nHost: ${address}\r\nUser-Agent: ${USER_AGENT}\r\n`;
    this.nextRequest = `GET /2018-06-01/runtime/invocation/next${this.common}\r\n`;
    this.socket = null;
    this.waiting = null;
    this.received = [];
    this.receivedBytes = 0;
    this.head = null;
  }

  /** Waits for the next invocation. Safe to repeat, so a lost connection is opened anew. */
  next(done) {
    this.exchange(this.nextRequest, null, (error, answer) => {
      if (error) this.exchange(this.nextRequest, null, done);
      else done(null, answer);
    });
  }

  post(target, headers, body, done) {
    const payload = Buffer.isBuffer(body) ? body : Buffer.from(body);
    const head = `POST /2018-06-01/runtime/${target}${this.common}${headers}Content-Length: ${payload.length}\r\n\r\n`;
    this.exchange(head, payload, done);
  }

  exchange(head, body, done) {
    this.expect(done);
    const socket = this.socket;
    if (!body) {
      socket.write(head, 'utf8');
    } else if (body.length < 16384) {
      socket.write(Buffer.concat([Buffer.from(head), body]));
    } else {
      socket.cork();
      socket.write(head, 'utf8');
      socket.write(body);
      socket.uncork();
    }
  }

  /** Waits for one answer; the event loop stays alive until it is there. */
  expect(done) {
    if (!this.socket) this.open();
    this.waiting = done;
    this.socket.ref();
  }

  open() {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    socket.on('data', (data) => this.receive(socket, data));
    socket.on('error', (error) => this.lose(socket, error));
    socket.on('close', () => this.lose(socket, new Error('the Runtime API closed the connection')));
    this.socket = socket;
  }

  lose(socket, error) {
    if (this.socket !== socket) return;
    this.socket = null;
    this.received = [];
    this.receivedBytes = 0;
    this.head = null;
    socket.destroy();
    this.settle(error, null);
  }

  settle(error, answer) {
    const done = this.waiting;
    this.waiting = null;
    if (this.socket) this.socket.unref();
    if (done) done(error, answer);
  }

  receive(socket, data) {
    if (this.socket !== socket) return;
    this.received.push(data);
    this.receivedBytes += data.length;
    if (!this.head && !this.readHead()) return;
    if (this.receivedBytes < this.head.length) return;
    const all = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
    const { status, headers, length } = this.head;
    this.head = null;
    this.received = [];
    this.receivedBytes = 0;
    this.settle(null, { status, headers, body: all.subarray(0, length) });
  }

  readHead() {
    const begun = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
    const end = begun.indexOf('\r\n\r\n');
    if (end < 0) {
      this.received = [begun];
      return false;
    }
    const lines = begun.latin1Slice(0, end).split('\r\n');
    const headers = {};
    for (let i = 1; i < lines.length; i += 1) {
      const colon = lines[i].indexOf(':');
      headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
    }
    this.head = { status: Number(lines[0].slice(9, 12)), headers, length: Number(headers['content-length'] || 0) };
    const rest = begun.subarray(end + 4);
    this.received = [rest];
    this.receivedBytes = rest.length;
    return true;
  }
}

function header(name, value) {
  if (!value || value.length > 32768) return '';
  return `${name}: ${value.replace(/[^\t\x20-\x7e]/g, escapeControl)}\r\n`;
}

function escapeControl(character) {
  return character < ' ' || character === '\x7f' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

// Errors, as payload and as log record.

function isError(value) {
  return util.types.isNativeError(value) || value instanceof Error;
}

/** Errors of other realms and libraries count where an answer is made, by their looks. */
function looksLikeError(value) {
  return isError(value) || (value && [value.name, value.message, value.stack].every((part) => part && typeof part === 'string'));
}

function errorPayload(error) {
  try {
    if (looksLikeError(error)) {
      return { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split('\n') };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

function intoError(value) {
  return isError(value) ? value : new Error(value);
}

/** An error with its own fields for the log. */
function errorFields(_key, value) {
  if (!isError(value)) return value;
  const fields = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  if (typeof value.stack === 'string') fields.stack = value.stack.split('\n');
  return fields;
}

function formattedError(error) {
  try {
    return `\t${JSON.stringify(error, errorFields)}`;
  } catch {
    return `\t${JSON.stringify(errorPayload(error))}`;
  }
}

function logError(title, error) {
  if (settings.jsonLogs) console.error(intoError(error));
  else console.error(title, formattedError(intoError(error)));
}

function xrayCause(error) {
  if (!isError(error)) return '';
  const stack = String(error.stack).split('\n').slice(1).map(stackFrame).filter(Boolean);
  const exceptions = [{ type: error.name, message: error.message, stack }];
  const paths = [...new Set(stack.map((frame) => frame.path))];
  return JSON.stringify({ working_directory: process.cwd(), exceptions, paths });
}

function stackFrame(line) {
  const match = /^\s*at (?:(.*) \()?(.*?):(\d+):\d+\)?$/.exec(line);
  return match && { path: match[2], line: Number(match[3]), label: match[1] || 'anonymous' };
}

function errorHeaders(error, payload) {
  const cause = header('Lambda-Runtime-Function-XRay-Error-Cause', xrayCause(error));
  const type = header('Lambda-Runtime-Function-Error-Type', String(payload.errorType));
  return `Content-Type: application/json\r\n${type}${cause}`;
}

// The console.

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
const current = { requestId: undefined, tenantId: undefined };
/** What to ask for the invocation that the running code belongs to, where there are several. */
let running = null;

/** Whose invocation the log is about. */
function whose() {
  return (running && running.getStore()) || current;
}

function patchConsole() {
  const lowest = LEVELS.indexOf((env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase());
  const format = settings.jsonLogs ? jsonLine : textLine;
  for (const [method, level] of Object.entries(METHODS)) {
    const isOn = LEVELS.indexOf(level) >= lowest;
    // The named first parameter makes an empty call print "undefined", as AWS's client does.
    const log = (message, ...values) => process.stdout.write(format(level, [message, ...values]));
    console[method] = isOn ? log : () => {};
  }
}

function textLine(level, values) {
  const text = util.format(...values).replace(/\n/g, '\r');
  return `${new Date().toISOString()}\t${whose().requestId}\t${level}\t${text}\n`;
}

function jsonLine(level, values) {
  const { requestId, tenantId } = whose();
  const record = { timestamp: new Date().toISOString(), level, requestId };
  if (tenantId) record.tenantId = tenantId;
  if (values.length === 1) {
    try {
      return `${JSON.stringify({ ...record, message: values[0] }, jsonErrorFields)}\n`;
    } catch {
      // Not JSON (a cycle, a BigInt): shown as text below.
    }
  }
  record.message = util.format(...values);
  const error = values.length > 1 ? values.find((value) => value instanceof Error) : undefined;
  return `${JSON.stringify(error ? { ...record, ...jsonError(error) } : record)}\n`;
}

function jsonErrorFields(_key, value) {
  return value instanceof Error ? { ...jsonError(value), ...value } : value;
}

function jsonError(error) {
  return {
    errorType: (error.constructor && error.constructor.name) || 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  };
}

// Finding the handler.

async function loadHandler(taskRoot, fullName) {
  if (fullName.includes('..')) {
    throw fault(
      'MalformedHandlerName',
      `'${fullName}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(fullName);
  const folder = fullName.slice(0, fullName.indexOf(base));
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match) throw fault('MalformedHandlerName', 'Bad handler');
  const app = await loadApp(taskRoot, folder, match[1]);
  const handler = match[2].split('.').reduce((nested, key) => nested && nested[key], app);
  checkHandler(handler, fullName);
  return handler;
}

function checkHandler(handler, fullName) {
  if (!handler) throw fault('HandlerNotFound', `${fullName} is undefined or not exported`);
  if (typeof handler !== 'function') throw fault('HandlerNotFound', `${fullName} is not a function`);
  if (!settings.hasCallbacks && handler.length > 2 && !isStreaming(handler)) {
    throw fault(
      'CallbackHandlerDeprecated',
      'AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. ' +
        'You need to modify this function to use a supported handler signature to use Node.js 24 or later. ' +
        'For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.',
    );
  }
}

async function loadApp(taskRoot, folder, name) {
  try {
    return await loadModule(taskRoot, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('UserCodeSyntaxError', error);
    if (error && error.code === 'MODULE_NOT_FOUND') throw fault('ImportModuleError', error);
    throw error;
  }
}

/** The order of AWS's client: no extension, .js (as its package.json says), .mjs, .cjs, and then as a package. */
async function loadModule(taskRoot, folder, name) {
  const file = path.resolve(taskRoot, folder, name);
  if (fs.existsSync(file)) return require(file);
  if (isFile(`${file}.js`)) return isModuleType(path.dirname(file)) ? load(`${file}.js`) : require(`${file}.js`);
  if (isFile(`${file}.mjs`)) return load(`${file}.mjs`);
  if (isFile(`${file}.cjs`)) return require(`${file}.cjs`);
  return require(require.resolve(name, { paths: [taskRoot, path.resolve(taskRoot, folder)] }));
}

function load(file) {
  return import(require('url').pathToFileURL(file).href);
}

function isFile(file) {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.isFile();
}

/** Whether the nearest package.json says that .js files are ES modules. */
function isModuleType(folder) {
  if (folder.endsWith('/node_modules')) return false;
  const manifest = path.join(folder, 'package.json');
  if (isFile(manifest)) {
    try {
      return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    } catch {
      return false;
    }
  }
  return folder !== '/' && isModuleType(path.dirname(folder));
}

// Response streaming.

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

function isStreaming(handler) {
  const mode = handler[STREAMING];
  if (mode === undefined || mode === null || mode === false) return false;
  if (mode === 'response') return true;
  throw fault('MalformedStreamingHandler', 'Only response streaming is supported.');
}

function defineAwsLambda() {
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (options && typeof options.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
      return handler;
    },
    HttpResponseStream: {
      /** Sends status and headers ahead of the body, closed off by eight zero bytes. */
      from(stream, prelude) {
        stream.setContentType('application/vnd.awslambda.http-integration-response');
        const json = JSON.stringify(prelude);
        stream._onBeforeFirstWrite = (write) => {
          write(json);
          write(new Uint8Array(8));
        };
        return stream;
      },
    },
  };
}

/** Makes the stream that a streaming handler writes to: a chunked POST on the runtime's own connection. */
function makeResponseStream(api, requestId, highWaterMark, finished) {
  const { Writable } = require('stream');
  class ResponseStream extends Writable {
    contentType = 'application/octet-stream';
    isBegun = false;
    isEnded = false;

    setContentType(contentType) {
      if (this.isBegun) throw fault('InvalidStreamingOperation', 'Cannot set content-type, too late.');
      this.contentType = contentType;
    }

    write(chunk, ...rest) {
      const isPlain = typeof chunk === 'string' || chunk instanceof Uint8Array;
      return super.write(isPlain ? chunk : JSON.stringify(chunk), ...rest);
    }

    begin() {
      if (this.isBegun) return;
      this.isBegun = true;
      api.expect(finished);
      api.socket.write(
        `POST /2018-06-01/runtime/invocation/${requestId}/response${api.common}` +
          header('Content-Type', this.contentType) +
          'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n' +
          'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n',
      );
      // Only what the handler has yet to write may hold the event loop open.
      api.socket.unref();
      if (this._onBeforeFirstWrite) this._onBeforeFirstWrite((chunk) => this.sendChunk(Buffer.from(chunk)));
    }

    sendChunk(chunk, done) {
      const { socket } = api;
      if (!socket) {
        if (done) done(new Error('the Runtime API closed the connection'));
        return;
      }
      socket.cork();
      socket.write(`${chunk.length.toString(16)}\r\n`);
      socket.write(chunk);
      socket.write('\r\n', done);
      process.nextTick(() => socket.uncork());
    }

    _write(chunk, encoding, done) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      this.begin();
      if (bytes.length === 0) done();
      else this.sendChunk(bytes, done);
    }

    _final(done) {
      this.begin();
      this.sendEnd('');
      done();
    }

    sendEnd(trailers) {
      if (this.isEnded) return;
      this.isEnded = true;
      if (!api.socket) return;
      api.socket.ref();
      api.socket.write(`0\r\n${trailers}\r\n`);
    }

    /** Ends the response with the error in its trailers. */
    failWith(error) {
      this.begin();
      const payload = errorPayload(error);
      const body = Buffer.from(JSON.stringify(payload)).toString('base64');
      this.sendEnd(
        `${header('Lambda-Runtime-Function-Error-Type', String(payload.errorType))}` +
          `Lambda-Runtime-Function-Error-Body: ${body}\r\n`,
      );
      this.destroy();
    }
  }
  return new ResponseStream(highWaterMark ? { highWaterMark } : {});
}

// The life of the process.

/** All that run beside each other, at most as many as the environment runs invocations. */
class Runtimes {
  constructor(handler) {
    this.handler = handler;
    this.count = 0;
    this.idle = 0;
  }

  /** Begins one more where all others are at work. */
  begin(api) {
    this.count += 1;
    new Runtime(api, this.handler, this).next();
  }

  wait() {
    this.idle += 1;
  }

  work() {
    this.idle -= 1;
    if (this.idle === 0 && this.count < settings.concurrency) this.begin(new RuntimeApi(env.AWS_LAMBDA_RUNTIME_API));
  }
}

class Runtime {
  constructor(api, handler, all = null) {
    this.api = api;
    this.handler = handler;
    this.all = all;
    this.invocation = null;
  }

  next() {
    this.invocation = null;
    if (this.all) this.all.wait();
    this.api.next((error, answer) => {
      if (error || answer.status !== 200) {
        console.error('the Runtime API refused to hand out an invocation', error || answer.body.toString());
        process.exit(1);
      }
      if (this.all) this.all.work();
      const invocation = new Invocation(this, answer);
      this.invocation = invocation;
      // A tick later, so that an exception of the handler is not one of the socket's.
      setImmediate(() => invocation.run());
    });
  }
}

/** One invocation; the first outcome counts, and every later one changes nothing. */
class Invocation {
  constructor(runtime, answer) {
    this.runtime = runtime;
    this.body = answer.body;
    this.headers = answer.headers;
    this.id = answer.headers['lambda-runtime-aws-request-id'];
    /** The handler said how it ended, though it may still wait for the event loop. */
    this.isDecided = false;
    /** The answer is on its way. */
    this.isSettled = false;
    // It is never empty where others may run.
    this.waitsForEmptyEventLoop = settings.concurrency === 1;
    /** What to do when the event loop is empty. */
    this.whenEmpty = () => this.respond(null);
    this.stream = null;
  }

  run() {
    if (running) {
      running.run({ requestId: this.id, tenantId: this.headers['lambda-runtime-aws-tenant-id'] }, () => this.runHandler());
      return;
    }
    current.requestId = this.id;
    current.tenantId = this.headers['lambda-runtime-aws-tenant-id'];
    setTraceId(this.headers['lambda-runtime-trace-id']);
    this.runHandler();
  }

  runHandler() {
    if (isStreaming(this.runtime.handler)) this.runStreaming();
    else this.runBuffered();
  }

  runBuffered() {
    const callback = settings.hasCallbacks ? (error, result) => this.callBack(error, result) : undefined;
    try {
      const context = makeContext(this);
      if (settings.hasCallbacks) addLegacyCalls(context, this);
      const result = this.runtime.handler(JSON.parse(this.body.toString('utf8')), context, callback);
      if (result && typeof result.then === 'function') {
        result.then((value) => this.succeed(value), (error) => this.fail(error));
      } else if (!settings.hasCallbacks) {
        this.succeed(result);
      }
    } catch (error) {
      this.callBack(error);
    }
  }

  callBack(error, result) {
    if (error !== undefined && error !== null) {
      this.fail(error);
    } else if (!this.waitsForEmptyEventLoop) {
      this.succeed(result);
    } else if (!this.isDecided) {
      this.isDecided = true;
      this.whenEmpty = () => this.respond(result);
    }
  }

  succeed(result) {
    if (this.isDecided) return;
    this.isDecided = true;
    this.respond(result);
  }

  fail(error) {
    if (this.isDecided) return;
    this.isDecided = true;
    this.respondError(error === undefined || error === null ? 'handled' : error);
  }

  respond(result) {
    if (this.isSettled) return;
    let body;
    try {
      body = JSON.stringify(result === undefined ? null : result);
    } catch {
      this.respondError(new Error('Unable to stringify response body'));
      return;
    }
    this.isDecided = true;
    this.isSettled = true;
    const target = `invocation/${this.id}/response`;
    const headers = 'Content-Type: application/json\r\n';
    this.runtime.api.post(target, headers, body === undefined ? 'null' : body, () => this.proceed());
  }

  respondError(error) {
    logError('Invoke Error', error);
    this.isSettled = true;
    this.postError(error, () => this.proceed());
  }

  postError(error, done) {
    const payload = errorPayload(error);
    this.runtime.api.post(`invocation/${this.id}/error`, errorHeaders(error, payload), JSON.stringify(payload), done);
  }

  runStreaming() {
    const { api, handler } = this.runtime;
    const stream = makeResponseStream(api, this.id, handler[HIGH_WATER_MARK], (error) => this.finishStream(error));
    this.stream = stream;
    stream.on('error', (error) => this.failStream(error));
    this.whenEmpty = () => stream.end();
    try {
      const context = makeContext(this);
      const result = handler(JSON.parse(this.body.toString('utf8')), stream, context);
      if (!result || typeof result.then !== 'function') throw 'Streaming does not support non-async handlers.';
      result.then(warnOfValue, (error) => this.failStream(error));
    } catch (error) {
      this.failStream(error);
    }
  }

  failStream(error) {
    if (this.isDecided) return;
    this.isDecided = true;
    logError('Invoke Error', error);
    this.stream.failWith(error);
  }

  /** The Runtime API took the whole response, or its connection broke. */
  finishStream(error) {
    if (error) throw error;
    this.isDecided = true;
    this.isSettled = true;
    if (this.waitsForEmptyEventLoop) this.afterwards = () => this.proceed();
    else this.proceed();
  }

  /** The event loop is empty. */
  onEmptyEventLoop() {
    const next = this.isSettled ? this.afterwards : this.whenEmpty;
    this.afterwards = null;
    if (next) next();
  }

  proceed() {
    this.runtime.next();
  }
}

function warnOfValue(value) {
  if (value !== undefined) console.warn('Streaming handlers ignore return values.');
}

function setTraceId(traceId) {
  if (traceId) env._X_AMZN_TRACE_ID = traceId;
  else delete env._X_AMZN_TRACE_ID;
}

function parsedHeader(headers, name) {
  const value = headers[name];
  if (!value) return undefined;
  try {
    return JSON.parse(Buffer.from(value, 'latin1').toString('utf8'));
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error.toString()}`);
  }
}

function makeContext(invocation) {
  const { headers } = invocation;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsedHeader(headers, 'lambda-runtime-client-context'),
    identity: parsedHeader(headers, 'lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: invocation.id,
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  if (settings.hasCallbacks) {
    Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
      enumerable: true,
      get: () => invocation.waitsForEmptyEventLoop,
      set: (value) => {
        invocation.waitsForEmptyEventLoop = Boolean(value);
      },
    });
  }
  return context;
}

function addLegacyCalls(context, invocation) {
  context.succeed = (result) => invocation.succeed(result);
  context.fail = (error) => invocation.fail(error);
  context.done = (error, result) => {
    if (error !== undefined && error !== null) invocation.fail(error);
    else invocation.succeed(result);
  };
}

/** The process cannot go on: it says why, for the invocation that runs or for its init, and exits. */
function watchForTheWorst(api, runtime) {
  let isDying = false;
  const die = (title, error, exitCode) => {
    if (isDying) return;
    isDying = true;
    logError(title, error);
    const exit = () => process.exit(exitCode);
    const invocation = runtime() && runtime().invocation;
    if (invocation && !invocation.isSettled) dieInvoking(invocation, error, exit);
    else if (invocation || runtime()) exit();
    else postInitError(api, error, exit);
  };
  process.on('uncaughtException', (error) => die('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason, promise) => {
    const error = fault('UnhandledPromiseRejection', String(reason));
    error.reason = reason;
    error.promise = promise;
    die('Unhandled Promise Rejection', error, 128);
  });
  return die;
}

function dieInvoking(invocation, error, exit) {
  if (invocation.stream) {
    invocation.isDecided = true;
    invocation.stream.failWith(error);
    invocation.runtime.api.waiting = exit;
  } else {
    invocation.postError(error, exit);
  }
}

function postInitError(api, error, exit) {
  const payload = errorPayload(error);
  api.post('init/error', errorHeaders(error, payload), JSON.stringify(payload), exit);
}

/**
 * Does for nothing what comes after a wait, some times: the engine compiles a function when it is called first, a regular
 * expression for good when it is used again, and what is called often once more. Nothing of it may be left for the
 * function to see, not even a number of an asynchronous resource.
 */
async function rehearse(api) {
  const mute = Object.assign(Object.create(api), { exchange: () => {} });
  // Some more variables: the first of each name costs more than the others.
  const others = ['A', 'B', 'C', 'D', 'E', 'F'].map((name) => `${name}=\0`).join('');
  const handler = `LAMBDA_TASK_ROOT=${__dirname}\0_HANDLER=_firelight_rehearsal.handler\0`;
  const purpose = Buffer.from(`${process.cwd()}\0${handler}${others}`);
  for (let round = 0; round < 4; round += 1) {
    fs.closeSync(fs.openSync('/dev/null'));
    takeOver(purpose, purpose.length);
    await init(mute);
    rehearseInvocation(mute);
    forgetRehearsal();
  }
}

function rehearseInvocation(api) {
  const headers = { 'lambda-runtime-deadline-ms': '0' };
  const runtime = new Runtime(api, require('./_firelight_rehearsal.js').handler);
  new Invocation(runtime, { headers, body: Buffer.from('{}') }).run();
  textLine('INFO', ['']);
}

function forgetRehearsal() {
  forgetModule(path.join(__dirname, '_firelight_rehearsal.js'));
  for (const event of ['uncaughtException', 'unhandledRejection', 'beforeExit']) process.removeAllListeners(event);
  delete globalThis.awslambda;
  forgetVariables();
}

function forgetVariables() {
  for (const name of Object.keys(env)) delete env[name];
}

/** Has a module look as if it had never been required. */
function forgetModule(file) {
  delete require.cache[file];
  module.children = module.children.filter((child) => child.filename !== file);
  const paths = module.constructor._pathCache;
  for (const request of Object.keys(paths)) if (paths[request] === file) delete paths[request];
}

/** Says that it waits, and takes over what it is told. */
function waitToBeTold() {
  fs.writeSync(WAITING_DESCRIPTOR, Buffer.of(1));
  const packet = Buffer.allocUnsafeSlow(PURPOSE_BYTES);
  const length = fs.readSync(WAITING_DESCRIPTOR, packet);
  fs.closeSync(WAITING_DESCRIPTOR);
  if (length === 0) process.exit(0);
  takeOver(packet, length);
}

/** Takes over the directory and the variables that a packet names. */
function takeOver(packet, length) {
  const [directory, ...variables] = packet.utf8Slice(0, length - 1).split('\0');
  process.chdir(directory);
  for (const variable of variables) {
    const equals = variable.indexOf('=');
    env[variable.slice(0, equals)] = variable.slice(equals + 1);
  }
}

function init(api) {
  readSettings();
  patchConsole();
  if (!['1', 'true'].includes(env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) defineAwsLambda();
  let runtime = null;
  const die = watchForTheWorst(api, () => runtime);
  process.on('beforeExit', () => {
    const invocation = runtime && runtime.invocation;
    if (invocation) invocation.onEmptyEventLoop();
  });
  return loadHandler(env.LAMBDA_TASK_ROOT || '/var/task', env._HANDLER || '').then(
    (handler) => {
      if (settings.concurrency === 1) {
        runtime = new Runtime(api, handler);
        runtime.next();
        return;
      }
      running = new (require('async_hooks').AsyncLocalStorage)();
      // Who dies takes all invocations along, so none of them is asked about.
      runtime = { invocation: null };
      new Runtimes(handler).begin(api);
    },
    (error) => die('Uncaught Exception', error, 129),
  );
}

/** Connects, and goes on from the event loop, so that the function's stack traces end alike whether it waited or not. */
function main() {
  const waits = WAITS in env;
  const api = new RuntimeApi(env.AWS_LAMBDA_RUNTIME_API);
  if (waits) forgetVariables();
  api.open();
  // It awaits nothing but itself, so it is over before anything comes of the connection.
  if (waits) rehearse(api);
  const { socket } = api;
  let goesOn = false;
  const goOn = () => {
    if (goesOn) return;
    goesOn = true;
    // A request's way to the kernel, without one.
    if (!socket.destroyed) socket.write('');
    // What a new connection gives to do is done in this turn.
    setImmediate(begin, api, waits);
  };
  socket.once('connect', goOn);
  socket.once('close', goOn);
}

function begin(api, waits) {
  if (waits) waitToBeTold();
  if (api.socket) api.socket.unref();
  init(api);
}

main();
