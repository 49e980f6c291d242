import assert from 'node:assert/strict'
import { parseDurationMs } from '../../src/base/index.ts'
import { parseKubeconfig } from '../../src/kube/client/index.ts'
import {
  canonicalQuantity,
  compileSchema,
  formatQuantity,
  parseFieldSelector,
  parseJsonPath,
  parseLabelSelector,
  parseQuantity,
  type StructuralSchema,
} from '../../src/kube/index.ts'
import { captureRules } from '../../src/linux/index.ts'
import {
  compileAccessLogFormat,
  compileLogFilter,
  DEFAULT_ACCESS_LOG_FORMAT,
  type LogRecord,
  readTraceContext,
  traceLines,
} from '../../src/telemetry/index.ts'
import { type FuzzTarget, mayThrow, textOf } from '../target.ts'

const OBJECT: unknown = {
  metadata: { name: 'a', namespace: 'b', labels: { app: 'web', tier: 'x' } },
  spec: { nodeName: 'n', list: [{ a: 'b', c: 1 }, { a: 'd' }] },
  status: { phase: 'Running' },
}

export const selectors: FuzzTarget = {
  seeds: [
    'app=web,tier!=x',
    'app in (a, b),tier notin (c),!gone,app',
    'x/y.z==1',
    'metadata.name=a,status.phase!=Running',
    '',
  ],
  words: [' in ', ' notin ', '(', ')', ',', '!', '==', '!=', '=', 'app', '\\,', 'metadata.name'],
  check(input) {
    const text = textOf(input)
    const labels = parseLabelSelector(text)
    if (labels.ok) assert.equal(typeof labels.value.matches({ app: 'web' }), 'boolean')
    const fields = parseFieldSelector(text)
    if (fields.ok) assert.equal(typeof fields.value.matches(OBJECT), 'boolean')
  },
}

export const quantities: FuzzTarget = {
  seeds: ['100m', '1.5Gi', '1e3', '-0.5', '12E', '1Ki', '0', '+.5n', '18446744073709551616'],
  words: ['Ki', 'Mi', 'Gi', 'Ei', 'm', 'n', 'u', 'k', 'E', 'e', '.', '-', '000000'],
  check(input) {
    const text = textOf(input)
    const quantity = parseQuantity(text)
    if (!quantity) return
    const formatted = formatQuantity(quantity)
    assert.equal(parseQuantity(formatted)?.nanos, quantity.nanos, `${formatted} is another amount`)
    assert.equal(canonicalQuantity(formatted), formatted, 'the canonical form has another canonical form')
  },
}

export const durations: FuzzTarget = {
  seeds: ['1h10m', '250ms', '0', '1.5s', '-1m', '.5h'],
  words: ['h', 'm', 's', 'ms', 'us', 'ns', 'µs', '.', '-', '9999999'],
  check(input) {
    const parsed = parseDurationMs(textOf(input))
    assert.ok(parsed === undefined || !Number.isNaN(parsed))
  },
}

export const jsonPaths: FuzzTarget = {
  seeds: [
    '.spec.list[0].a',
    '{.metadata.labels.app}',
    '.spec.list[?(@.a=="b")].c',
    "$['metadata']['name']",
    '.spec.list[*].a',
  ],
  words: [
    '[*]',
    '[0]',
    '[-1]',
    "['",
    "']",
    '[?(@.',
    '=="',
    '")]',
    '.',
    '{',
    '}',
    '..',
    '__proto__',
    'constructor',
  ],
  check(input) {
    const path = parseJsonPath(textOf(input))
    if (path) assert.ok(Array.isArray(path(OBJECT)))
  },
}

export const cel: FuzzTarget = {
  seeds: [
    'self.a <= self.b',
    "self.name.startsWith('a') && !has(self.gone)",
    'self.list.all(x, x.size() > 0)',
    "self.name.matches('^[a-z]+$') ? 1 == 1 : self.list.exists_one(x, x == 'b')",
    "duration('1h') > duration('1m')",
    'self.list.map(x, self.list.map(y, x + y)).size() > 0',
    'self == oldSelf',
    "quantity('1Gi').isGreaterThan(quantity('1'))",
  ],
  words: [
    'self',
    'oldSelf',
    '.list',
    '.all(x, ',
    '.exists(',
    '.map(',
    '.filter(',
    'size(',
    'has(',
    ')',
    '&&',
    '||',
    '? ',
    ': ',
    'null',
    "'a'",
    '1u',
    '1.0',
    '-9223372036854775808',
    "b'x'",
    '[1][2]',
    '{1:2}',
    '.matches(',
    '(a+)+$',
    'type(',
    'dyn(',
  ],
  check(input) {
    const schema: StructuralSchema = {
      type: 'object',
      properties: {
        a: { type: 'integer' },
        b: { type: 'integer' },
        name: { type: 'string', maxLength: 100 },
        list: { type: 'array', maxItems: 50, items: { type: 'string', maxLength: 50 } },
      },
      'x-kubernetes-validations': [{ rule: textOf(input), message: 'no' }],
    }
    const value = { a: 1, b: 2, name: 'abc', list: Array.from({ length: 50 }, (_, i) => `v${i}`) }
    const compiled = compileSchema(schema, { resource: false })
    compiled.validate(value)
    compiled.validate(value, { ...value, a: 2 })
  },
}

export const schemas: FuzzTarget = {
  seeds: [
    '{"s":{"type":"object","properties":{"a":{"type":"integer","minimum":1,"default":3},"b":{"type":"array","items":{"type":"string","pattern":"^a+$"},"x-kubernetes-list-type":"set"}},"required":["a"]},"v":{"a":1,"b":["a"]}}',
    '{"s":{"type":"object","additionalProperties":{"x-kubernetes-int-or-string":true},"x-kubernetes-preserve-unknown-fields":true},"v":{"a":"1","b":2}}',
    '{"s":{"type":"object","properties":{"m":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object","properties":{"k":{"type":"string"}}}}},"oneOf":[{"required":["m"]}],"not":{"required":["z"]}},"v":{"m":[{"k":"a"},{"k":"a"}]}}',
  ],
  words: [
    '"type":"object"',
    '"type":"string"',
    '"nullable":true',
    '"default":{}',
    '"enum":[1]',
    '"format":"date-time"',
    '"pattern":"(a+)+$"',
    '"anyOf":[{}]',
    '"__proto__":',
    '"properties":',
    '"items":',
    'null',
    '"multipleOf":0',
    '"maxLength":-1',
  ],
  check(input) {
    const parsed = mayThrow(
      () => JSON.parse(textOf(input)) as unknown,
      (error) => error instanceof SyntaxError,
    )
    if (typeof parsed !== 'object' || parsed === null) return
    const { s, v } = parsed as { s?: unknown; v?: unknown }
    if (typeof s !== 'object' || s === null || Array.isArray(s)) return
    // Schemas reach this after the definition's own validation; a refusal by an error that says so is as good.
    const compiled = mayThrow(() => compileSchema(s as StructuralSchema, { resource: false }), isPlainError)
    if (!compiled) return
    mayThrow(() => compiled.validate(compiled.applyDefaults(compiled.prune(v).value), v), isPlainError)
  },
}

const isPlainError = (error: Error): boolean => !(error instanceof RangeError)

export const accessLog: FuzzTarget = {
  seeds: [
    DEFAULT_ACCESS_LOG_FORMAT,
    '%REQ(X?Y):10% %RESP(A)% %START_TIME(%Y)% %DURATION%\n',
    '%%',
    '%REQ(:METHOD)%',
  ],
  words: ['%', '(', ')', ':', '?', '%REQ(', ')%', '%START_TIME', '%BYTES_SENT%', ':999999999%', '__proto__'],
  check(input) {
    for (const encoding of ['text', 'json'] as const) {
      const format = compileAccessLogFormat({ encoding, format: textOf(input) })
      if (format.ok) assert.equal(typeof format.value.format(RECORD), 'string')
      else assert.notEqual(format.error, '')
    }
  },
}

export const logFilter: FuzzTarget = {
  seeds: [
    'response.code >= 400',
    "request.headers['user-agent'].startsWith('curl') || !has(response.grpc_status)",
    'request.duration > duration("1s") && connection.mtls',
  ],
  words: [
    'response',
    '.code',
    'request',
    '.headers',
    "['x']",
    ' && ',
    ' || ',
    '!',
    'has(',
    ')',
    '.all(x, ',
    '>=',
    '0',
  ],
  check(input) {
    const filter = compileLogFilter(textOf(input))
    if (filter.ok) assert.equal(typeof filter.value.isWanted(RECORD), 'boolean')
    else assert.notEqual(filter.error, '')
  },
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

/** One header a line; what is read is written, and read again as the same. */
export const traceContext: FuzzTarget = {
  seeds: [
    `traceparent: 00-${TRACE}-${SPAN}-01\ntracestate: a=1`,
    `b3: ${TRACE}-${SPAN}-d-${SPAN}`,
    `x-b3-traceid: ${TRACE}\nx-b3-spanid: ${SPAN}\nx-b3-sampled: 1`,
  ],
  words: [
    'traceparent: ',
    'b3: ',
    'x-b3-traceid: ',
    '\n',
    '-',
    '00',
    'ff',
    TRACE,
    SPAN,
    'd',
    '0000000000000000',
  ],
  check(input) {
    const fields = new Map(
      textOf(input)
        .split('\n')
        .map((line) => line.split(': ', 2) as [string, string | undefined]),
    )
    const context = readTraceContext((name) => fields.get(name))
    if (context === undefined) return
    assert.match(`${context.traceId}-${context.spanId}`, /^[0-9a-f]{32}-[0-9a-f]{16}$/)
    const isSampled = context.isSampled ?? false
    const written = traceLines({ ...context, parentId: '', isSampled })
    const lines = new Map(written.map((line) => line.trimEnd().split(': ', 2) as [string, string]))
    const again = readTraceContext((name) => lines.get(name))
    assert.deepEqual(
      [again?.traceId, again?.spanId, again?.isSampled],
      [context.traceId, context.spanId, isSampled],
    )
  },
}

const RECORD: LogRecord = {
  startTime: 0,
  durationMs: 1,
  startedAt: 1,
  requestEndedAt: 1,
  sentAt: 0,
  answeredAt: 0,
  protocol: 'HTTP/1.1',
  method: 'GET',
  path: '/',
  originalPath: undefined,
  authority: 'a',
  scheme: 'http',
  requestId: '-',
  status: 200,
  grpcStatus: '',
  flags: 0,
  details: '-',
  terminationDetails: '-',
  transportFailure: '-',
  bytesReceived: 0,
  bytesSent: 0,
  responseHeadBytes: 0,
  upstreamServiceTime: -1,
  upstreamHost: '-',
  upstreamLocal: '-',
  clusterName: '-',
  routeName: '-',
  attempt: 1,
  stream: { remoteAddress: '::1', remotePort: 1, localAddress: '::1', localPort: 2 },
  header: () => undefined,
  responseFields: undefined,
  responseTrailers: '',
}

export const capture: FuzzTarget = {
  seeds: [
    '-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x 10.0.0.0/8 -b * -d 15090,15021',
    'istio-iptables --inbound-ports=80,81 -q 443',
  ],
  words: [
    '-p',
    '-z',
    '-u',
    '-g',
    '-m',
    'TPROXY',
    '-i',
    '*',
    '-x',
    '-b',
    '-d',
    '-o',
    '--',
    '=',
    ',',
    ';',
    '}',
    '\n',
    '"',
    '10.0.0.0/33',
    '0',
  ],
  check(input) {
    const args = textOf(input, 'latin1').split(' ')
    const rules = mayThrow(
      () => captureRules(args),
      (error) => error.message.includes('istio-iptables'),
    )
    if (!rules) return
    // Nothing of an argument may end a statement or a block: what is between is numbers, networks and our own words.
    assert.match(rules.nft.replaceAll('"lo"', 'lo'), /^[\w\s{}:;,./*!<>=@+-]*$/)
    const count = (bracket: string) => rules.nft.split(bracket).length
    assert.equal(count('{'), count('}'))
  },
}

export const kubeconfig: FuzzTarget = {
  seeds: [
    'apiVersion: v1\ncurrent-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u}\nclusters:\n- name: c\n  cluster: {server: "https://a:1", certificate-authority-data: YQ==}\nusers:\n- name: u\n  user: {token: t}\n',
  ],
  words: [
    '&a ',
    '*a',
    '<<: ',
    '- ',
    ': ',
    '\n',
    '  ',
    '{',
    '}',
    '"',
    'null',
    '!!binary',
    '__proto__: ',
    'current-context: ',
  ],
  check(input) {
    parseKubeconfig(textOf(input), { readFile: () => 'x' })
  },
}
