import assert from 'node:assert/strict'
import { request as httpsRequest } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from './testing.ts'

let server: TestServer
let port: number

before(async () => {
  server = await startTestServer()
  port = await server.server.listen({ host: '127.0.0.1', port: 0 })
})
after(() => server.stop())

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly message: string
  readonly reason: string | undefined
}

interface Sent {
  readonly method?: string
  readonly type?: string
  readonly body?: string
}

function ask(path: string, { method = 'GET', type = 'application/json', body }: Sent = {}): Promise<Answer> {
  const { caCertificate: ca, admin } = server.pki
  const headers =
    body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const tls = { ca, cert: admin.certificate, key: admin.key, servername: 'localhost' }
    const call = httpsRequest({ host: '127.0.0.1', port, path, method, headers, ...tls }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => {
        const json =
          (response.headers['content-type'] ?? '').includes('json') && text !== '' && !text.includes('\n')
        const { message = text, reason } = (json ? JSON.parse(text) : {}) as {
          message?: string
          reason?: string
        }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, message, reason })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

const MAPS = '/api/v1/namespaces/default/configmaps'
const post = (path: string, body: string, type?: string) =>
  ask(path, { method: 'POST', body, ...(type === undefined ? {} : { type }) })
const map = (name: string, more = '') =>
  `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"${name}"}${more}}`

describe('a body', () => {
  const unrecognized = 'the object provided is unrecognized (must be of type ConfigMap): '
  const cases: readonly (readonly [string, string, string])[] = [
    [
      'half an object',
      '{"kind":',
      `couldn't get version/kind; json parse error: unexpected end of JSON input ({"kind":)`,
    ],
    ['nothing', '', `couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`],
  ]
  for (const [what, body, problem] of cases) {
    test(`of ${what} is told with what it should be and how it begins`, async () => {
      const { status, message } = await post(MAPS, body)
      assert.deepEqual([status, message], [400, unrecognized + problem])
    })
  }

  test('of another kind or version is told which kinds there are', async () => {
    const secret = await post(MAPS, '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"}}')
    assert.equal(
      secret.message,
      'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    )
    const other = await post(MAPS, '{"kind":"ConfigMap","apiVersion":"v2","metadata":{"name":"x"}}')
    assert.match(other.message, /no kind "ConfigMap" is registered for version "v2" in scheme/)
  })

  test('whose members stand twice is refused under Strict, warned of, or taken', async () => {
    const twice = map('twice', ',"data":{"a":"b","a":"c"},"odd":1')
    const strict = await post(`${MAPS}?fieldValidation=Strict&dryRun=All`, twice)
    assert.deepEqual(
      [strict.status, strict.message],
      [
        400,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", unknown field "odd"',
      ],
    )
    const warned = await post(`${MAPS}?dryRun=All`, twice)
    assert.equal(warned.status, 201)
    assert.match(String(warned.headers['warning']), /duplicate field \\"data.a\\".*unknown field \\"odd\\"/)
    const ignored = await post(`${MAPS}?fieldValidation=Ignore&dryRun=All`, twice)
    assert.deepEqual([ignored.status, ignored.headers['warning']], [201, undefined])
  })

  test('in YAML is refused with its line, and members that stand twice are told with theirs', async () => {
    const bad = await post(MAPS, 'a: [', 'application/yaml')
    assert.equal(bad.message, `${unrecognized}yaml: line 1: did not find expected node content (613a205b)`)
    const twice = `kind: ConfigMap\napiVersion: v1\nmetadata: {name: y}\ndata:\n  a: b\n  a: c\n`
    const strict = await post(`${MAPS}?fieldValidation=Strict`, twice, 'application/yaml')
    assert.match(
      strict.message,
      /strict decoding error: yaml: unmarshal errors:\n {2}line 6: key "a" already set in map$/,
    )
    const taken = await post(`${MAPS}?dryRun=All`, twice, 'application/yaml')
    assert.equal(taken.status, 201)
  })

  test('of YAML that the parser would warn of leaves standard error alone', async (t) => {
    const warnings = t.mock.method(process, 'emitWarning')
    const odd = `kind: ConfigMap\napiVersion: v1\nmetadata: {name: tagged}\ndata: {a: !odd b}\n`
    await post(`${MAPS}?dryRun=All`, odd, 'application/yaml')
    assert.equal(warnings.mock.callCount(), 0)
  })
})

describe('options', () => {
  const invalid: readonly (readonly [string, string, string | undefined, string])[] = [
    [
      'POST',
      `${MAPS}?dryRun=Odd`,
      map('x'),
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Odd"]: supported values: "All"',
    ],
    [
      'PUT',
      `${MAPS}/x?fieldValidation=Odd`,
      map('x'),
      'UpdateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Odd": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      'DELETE',
      `${MAPS}/x?propagationPolicy=Odd`,
      undefined,
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Odd": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      'GET',
      `${MAPS}?resourceVersionMatch=Exact`,
      undefined,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'GET',
      `${MAPS}?sendInitialEvents=true`,
      undefined,
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
    [
      'GET',
      `${MAPS}?watch=1&sendInitialEvents=true`,
      undefined,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    ],
  ]
  for (const [method, path, body, message] of invalid) {
    test(`${method} ${path.slice(MAPS.length)} is invalid`, async () => {
      const answer = await ask(path, { method, ...(body === undefined ? {} : { body }) })
      assert.deepEqual([answer.status, answer.reason, answer.message], [422, 'Invalid', message])
    })
  }

  test('that are no numbers cannot be decoded', async () => {
    for (const query of ['limit=x', 'timeoutSeconds=x']) {
      const { status, message } = await ask(`${MAPS}?${query}`)
      assert.deepEqual([status, message], [400, 'strconv.ParseInt: parsing "x": invalid syntax'])
    }
    const version = await ask(`${MAPS}?resourceVersion=x`)
    assert.match(version.message, /^invalid resource version: .*ParseUint: parsing "x": invalid syntax$/)
  })

  test('of a revision to come are answered with when to ask again', async () => {
    const { status, headers } = await ask(`${MAPS}?resourceVersion=999999999`)
    assert.deepEqual([status, headers['retry-after']], [504, '1'])
  })
})

describe('patches', () => {
  const patch = (type: string, body: string, query = '') =>
    ask(`${MAPS}/kube-root-ca.crt${query}`, { method: 'PATCH', type, body })

  before(async () => {
    assert.equal((await post(MAPS, map('kube-root-ca.crt', ',"data":{"a":"b"}'))).status, 201)
  })

  test('that are no patches are told as Go decodes them', async () => {
    const go = 'into Go value of type map[string]interface {}'
    const merge = 'application/merge-patch+json'
    assert.equal((await patch(merge, '{')).message, 'invalid JSON patch')
    assert.equal(
      (await patch(merge, '[]')).message,
      `error decoding patch: json: cannot unmarshal array ${go}`,
    )
    assert.equal(
      (await patch('application/json-patch+json', '{}')).message,
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    )
    assert.equal(
      (await patch('application/strategic-merge-patch+json', '[]')).message,
      `json: cannot unmarshal array ${go}`,
    )
    assert.equal((await patch('application/json', '{}')).message, '415: Unsupported Media Type')
  })

  test('that do not apply are refused without saying why', async () => {
    const body = '[{"op":"test","path":"/data/a","value":"x"}]'
    const { status, message } = await patch('application/json-patch+json', body)
    assert.deepEqual(
      [status, message],
      [422, 'the server rejected our request due to an error in our request'],
    )
  })

  test('that leave fields of other types are shown with what they would have left', async () => {
    const { status, message } = await patch('application/merge-patch+json', '{"data":{"a":1}}')
    assert.equal(status, 422)
    assert.match(
      message,
      /^ "" is invalid: patch: Invalid value: "\{\\"apiVersion\\":\\"v1\\",\\"data\\":\{\\"a\\":1\}/,
    )
    assert.ok(
      message.endsWith('json: cannot unmarshal number into Go struct field ConfigMap.data of type string'),
    )
    const strategic = await patch('application/strategic-merge-patch+json', '{"data":{"a":1}}')
    assert.equal(
      strategic.message,
      ' "" is invalid: patch: Invalid value: "map[data:map[a:1]]": cannot convert int64 to string',
    )
  })

  test('applied need a manager, and others may not be forced', async () => {
    const applied = await patch('application/apply-patch+yaml', '{}')
    assert.match(applied.message, /^PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value/)
    const forced = await patch('application/merge-patch+json', '{}', '?force=true')
    assert.match(forced.message, /force: Forbidden: may not be specified for non-apply patch$/)
  })
})

describe('paths', () => {
  test('of a version that a group of Kubernetes does not have are answered by that group', async () => {
    for (const path of ['/apis/apps/v9', '/apis/batch/v1beta1/namespaces/default/cronjobs', '/api/v2/pods']) {
      const { status, message } = await ask(path)
      assert.deepEqual([status, message], [404, 'the server could not find the requested resource'], path)
    }
  })

  test('of a group that nobody serves, and odd ones, are no pages', async () => {
    for (const path of ['/apis/example.org/v1/things', `/${MAPS}`, '/nothing']) {
      const { status, text } = await ask(path)
      assert.deepEqual([status, text], [404, '404 page not found\n'], path)
    }
  })

  test('with methods that nothing has are answered with 405', async () => {
    for (const [method, path] of [
      ['HEAD', `${MAPS}/x`],
      ['OPTIONS', `${MAPS}/x`],
      ['PUT', MAPS],
      ['POST', '/version'],
      ['DELETE', '/api/v1/namespaces'],
    ] as const)
      assert.equal((await ask(path, { method })).status, 405, `${method} ${path}`)
  })

  test('with a name that cannot be are bad requests', async () => {
    assert.equal((await ask(`${MAPS}/%2e%2e`)).message, `Name parameter invalid: "..": may not be '..'`)
    assert.deepEqual([(await ask(`${MAPS}/a%zz`)).status, (await ask(`${MAPS}/a%2Fb`)).status], [400, 404])
  })

  test('of old watches still watch', async () => {
    await post(MAPS, map('watched'))
    const { text } = await ask('/api/v1/watch/namespaces/default/configmaps/watched?timeoutSeconds=1')
    assert.deepEqual(
      text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { object: { metadata: { name: string } } }).object.metadata.name),
      ['watched'],
    )
  })
})
