/** One request that no honest client sends, and what Kubernetes says to it. */
export interface HostileCase {
  readonly what: string
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly status: number
  readonly message: RegExp
}

const MAPS = '/api/v1/namespaces/default/configmaps'
const JSON_TYPE = { 'content-type': 'application/json' }
const NOTE = '"apiVersion":"v1","kind":"ConfigMap"'
const deployment = (spec: string) =>
  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":${spec}}`

const post = (what: string, body: string | Buffer, status: number, message: RegExp): HostileCase => ({
  what,
  method: 'POST',
  path: MAPS,
  headers: JSON_TYPE,
  body,
  status,
  message,
})

export const BODY_CASES: readonly HostileCase[] = [
  post(
    'larger than 3 MiB',
    `{"a":"${'x'.repeat(3 * 1024 * 1024)}"}`,
    413,
    /^Request entity too large: limit is 3145728$/,
  ),
  post(
    'larger than 30 MiB',
    Buffer.alloc(30 * 1024 * 1024, 'x'),
    413,
    /^Request entity too large: limit is 3145728$/,
  ),
  post('nested 100,000 times', `{"a":${'['.repeat(100_000)}`, 400, /./),
  post(
    'nested 100,000 times and whole',
    `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    400,
    /nested deeper/,
  ),
  post('nested objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, 400, /nested deeper/),
  post('a number beyond doubles', `{${NOTE},"metadata":{"name":"n","generation":1e999}}`, 400, /generation/),
  post(
    'a text where a number is due',
    `{${NOTE},"metadata":{"name":"n","generation":"1"}}`,
    400,
    /cannot unmarshal string into Go struct field/,
  ),
  post('cut UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xe2, 0x82, 0x22, 0x7d]), 400, /UTF-8/),
  post('an overlong slash', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 400, /UTF-8/),
  post('UTF-16', Buffer.from(`\ufeff{${NOTE}}`, 'utf16le'), 400, /./),
  post(
    'a prototype',
    `{${NOTE},"metadata":{"name":"n"},"__proto__":{"polluted":true}}`,
    400,
    /"__proto__" is not allowed/,
  ),
  post(
    'a prototype by escape',
    `{${NOTE},"metadata":{"name":"n","labels":{"\\u005f_proto__":"x"}}}`,
    400,
    /"__proto__" is not allowed/,
  ),
  post(
    'a constructor',
    `{${NOTE},"metadata":{"name":"built"},"constructor":{"prototype":{"polluted":true}}}`,
    201,
    /./,
  ),
  post('a list', '[]', 400, /./),
  post('null', 'null', 422, /name or generateName is required/),
  post('half of a text', '"', 400, /./),
  post('nothing', '', 400, /./),
  post('a NUL', '{"a":"\u0000"}', 400, /./),
  post(
    'a name with a slash',
    `{${NOTE},"metadata":{"name":"../../etc"}}`,
    422,
    /is invalid: metadata.name: Invalid value/,
  ),
  post(
    'a name of 10,000 letters',
    `{${NOTE},"metadata":{"name":"${'a'.repeat(10_000)}"}}`,
    422,
    /must be no more than 253 (characters|bytes)/,
  ),
  post(
    '100,000 labels',
    `{${NOTE},"metadata":{"name":"n","labels":{${Array.from({ length: 100_000 }, (_, i) => `"k${i} !":"v"`).join()}}}}`,
    422,
    /metadata.labels/,
  ),
  post(
    '1 MiB of data',
    `{${NOTE},"metadata":{"name":"big"},"data":{"a":"${'x'.repeat(1024 * 1024 + 1)}"}}`,
    422,
    /Too long: may not be more than 1048576 bytes/,
  ),
  {
    ...post(
      'a number beyond int32',
      deployment('{"replicas":99999999999999999999}'),
      400,
      /cannot unmarshal number/,
    ),
    path: '/apis/apps/v1/namespaces/default/deployments',
  },
  {
    ...post('a protobuf message without its magic', Buffer.from([1, 2, 3]), 400, /./),
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
  },
  {
    ...post('a protobuf message whose lengths lie', Buffer.from('6b3873000affffffff0f0a', 'hex'), 400, /./),
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
  },
  {
    ...post(
      'protobuf groups without end',
      Buffer.concat([Buffer.from('6b387300', 'hex'), Buffer.alloc(100_000, 0x0b)]),
      400,
      /./,
    ),
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
  },
  {
    ...post('a YAML bomb', yamlBomb(), 400, /./),
    headers: { 'content-type': 'application/yaml' },
  },
  {
    ...post('YAML of a thousand levels', `a: ${'['.repeat(1000)}`, 400, /./),
    headers: { 'content-type': 'application/yaml' },
  },
  {
    ...post('of no known type', '{}', 415, /the body of the request was in an unknown format/),
    headers: { 'content-type': 'text/html' },
  },
]

function yamlBomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
  for (let i = 1; i < 10; i += 1)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join()}]`)
  return lines.join('\n')
}

const patch = (what: string, type: string, body: string, status: number, message: RegExp): HostileCase => ({
  what,
  method: 'PATCH',
  path: `${MAPS}/kube-root-ca.crt`,
  headers: { 'content-type': type },
  body,
  status,
  message,
})
const JSON_PATCH = 'application/json-patch+json'
const MERGE_PATCH = 'application/merge-patch+json'
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'

export const PATCH_CASES: readonly HostileCase[] = [
  patch('that is no list', JSON_PATCH, '{"op":"add"}', 400, /./),
  patch('with an unknown operation', JSON_PATCH, '[{"op":"steal","path":"/data"}]', 422, /./),
  patch('without a path', JSON_PATCH, '[{"op":"add","value":1}]', 422, /./),
  patch(
    'that adds to a prototype',
    JSON_PATCH,
    '[{"op":"add","path":"/__proto__/polluted","value":"x"}]',
    422,
    /./,
  ),
  patch(
    'that adds to a constructor',
    JSON_PATCH,
    '[{"op":"add","path":"/constructor/prototype/polluted","value":"x"}]',
    422,
    /./,
  ),
  patch('whose test fails', JSON_PATCH, '[{"op":"test","path":"/data/a","value":"x"}]', 422, /./),
  patch(
    'with an index beyond all',
    JSON_PATCH,
    '[{"op":"add","path":"/metadata/finalizers/4294967295","value":"x"}]',
    422,
    /./,
  ),
  patch(
    'of 10,001 operations',
    JSON_PATCH,
    `[${Array.from({ length: 10_001 }, () => '{"op":"test","path":"/kind","value":"ConfigMap"}').join()}]`,
    413,
    /The allowed maximum operations in a JSON patch is 10000, got 10001/,
  ),
  patch(
    'that doubles itself',
    JSON_PATCH,
    `[{"op":"add","path":"/data","value":{"a":"x"}},${Array.from({ length: 40 }, (_, i) => `{"op":"copy","from":"/data","path":"/data/b${i}"}`).join()}]`,
    422,
    /the server rejected our request/,
  ),
  patch('that is a list', MERGE_PATCH, '[1]', 400, /./),
  patch(
    'of a prototype',
    MERGE_PATCH,
    '{"metadata":{"labels":{"__proto__":"x"}}}',
    400,
    /"__proto__" is not allowed/,
  ),
  patch('cut off', MERGE_PATCH, '{"data":', 400, /./),
  patch(
    'with an unknown directive',
    STRATEGIC_PATCH,
    '{"metadata":{"$patch":"explode"}}',
    500,
    /unknown patch type: explode/,
  ),
  patch('that is null', STRATEGIC_PATCH, 'null', 400, /./),
  patch('of no known type', 'application/json', '{}', 415, /^415: Unsupported Media Type$/),
  patch(
    'applied by nobody',
    'application/apply-patch+yaml',
    '{}',
    422,
    /fieldManager: Required value: is required for apply patch/,
  ),
]

const get = (what: string, path: string, status: number, message: RegExp): HostileCase => ({
  what,
  path,
  status,
  message,
})
const UNKNOWN = /^the server could not find the requested resource$|404 page not found/

export const PATH_CASES: readonly HostileCase[] = [
  get('walks up', '/api/v1/../../etc/passwd', 404, UNKNOWN),
  get('walks up in code', '/api/v1/namespaces/%2e%2e/pods', 404, UNKNOWN),
  get('hides a slash', '/api/v1/namespaces/default%2fpods', 404, UNKNOWN),
  get('hides a slash in a name', `${MAPS}/a%2fb`, 404, UNKNOWN),
  get('begins twice', '//api/v1/pods', 404, UNKNOWN),
  get('has an empty part', '/api/v1//pods', 404, UNKNOWN),
  get('holds a NUL', '/api/v1/%00', 404, UNKNOWN),
  get('is badly coded', '/api/v1/%zz', 400, /^400 Bad Request$/),
  get('is badly coded UTF-8', '/api/v1/%ff%fe', 404, UNKNOWN),
  get('is long', `${MAPS}/${'a'.repeat(20_000)}`, 404, /not found/),
  get('names a prototype', '/api/v1/__proto__', 404, UNKNOWN),
  get('names a constructor', '/apis/constructor/v1/pods', 404, UNKNOWN),
  get('asks for a prototype', `${MAPS}/__proto__`, 404, /configmaps "__proto__" not found/),
  get('limits by a word', `${MAPS}?limit=x`, 400, /./),
  get('limits by less than nothing', `${MAPS}?limit=-1`, 200, /./),
  get('goes on from nowhere', `${MAPS}?continue=bm9wZQ`, 400, /continue key is not valid/),
  get(
    'goes on from the future',
    `${MAPS}?resourceVersion=999999999999999`,
    504,
    /Too large resource version/,
  ),
  get('goes on from a word', `${MAPS}?resourceVersion=x`, 400, /[Ii]nvalid/),
  get('selects by half', `${MAPS}?labelSelector=a+in+(`, 400, /./),
  get(
    'selects by 20,000 terms',
    `${MAPS}?labelSelector=${Array.from({ length: 8000 }, () => 'a=b').join()}`,
    200,
    /./,
  ),
  get(
    'selects by an unknown field',
    `${MAPS}?fieldSelector=data.x%3D1`,
    400,
    /is not a known field selector/,
  ),
  {
    what: 'is asked by OPTIONS',
    method: 'OPTIONS',
    path: MAPS,
    status: 405,
    message: /does not allow this method/,
  },
  { what: 'is asked by TRACE', method: 'TRACE', path: MAPS, status: 405, message: /./ },
]
