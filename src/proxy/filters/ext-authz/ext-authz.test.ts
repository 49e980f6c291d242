import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js'
import type { ExternalAuthorizer, HttpAuthorizer, Mesh, ModelObject } from '../../../model/index.ts'
import {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from '../../../proto/index.ts'
import {
  exchangeBytes,
  meshObject,
  rawServer,
  respondWith,
  serviceObject,
  until,
  workloadObject,
} from '../../testing.ts'
import { getRequest, guardApp, type GuardedApp, one, policyOf } from '../rbac/testing.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
/** Of what is no HTTP. */
const CONNECTION_LOG = '%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_HOST%\n'
const ASK = policyOf('ask', { kind: 'custom', provider: 'ext' }, [{ to: [[one('path', ['/ask*'])]] }])

const HTTP: HttpAuthorizer = {
  pathPrefix: '/check',
  requestFields: ['x-ask', 'x-b3-*'],
  addedFields: [{ name: 'x-static', value: 'here' }],
  upstreamFields: ['x-user'],
  allowedClientFields: ['x-seen'],
  deniedClientFields: [],
}

function meshWith(authorizer: Partial<ExternalAuthorizer>, host: string, log = LOG): Mesh {
  const base: ExternalAuthorizer = {
    name: 'ext',
    host,
    port: 80,
    timeoutMs: 1000,
    failsOpen: false,
    statusOnError: 403,
  }
  return { ...(meshObject(log) as Mesh), authorizers: [{ ...base, ...authorizer }] }
}

describe('a service that decides over requests', () => {
  let app: GuardedApp
  const closers: (() => void)[] = []
  const service = serviceObject('authz', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
  const grpcService = serviceObject('authz', { ports: [{ port: 80, name: 'grpc', protocol: 'grpc' }] })

  beforeEach(async () => {
    app = await guardApp(meshObject(LOG))
  })
  afterEach(() => {
    app.close()
    for (const close of closers.splice(0)) close()
  })

  function serve(port: number, authorizer: Partial<ExternalAuthorizer>, at = service): void {
    const objects: ModelObject[] = [
      at,
      workloadObject('authz-1', {
        address: '127.0.0.1',
        services: { [at.key]: { ports: { '80': port }, ready: true } },
      }),
      meshWith(authorizer, at.hostname),
      ASK,
    ]
    app.set(...objects)
  }

  async function serveHttp(answer: (head: string) => string, more: Partial<ExternalAuthorizer> = {}) {
    const asked: string[] = []
    const server = await rawServer(
      respondWith((head) => {
        asked.push(head)
        return answer(head)
      }),
    )
    closers.push(server.close)
    serve(server.port, { http: HTTP, ...more })
    return asked
  }

  const plain = (status: string, lines: string, body = '') =>
    `HTTP/1.1 ${status}\r\n${lines}content-length: ${body.length}\r\n\r\n${body}`

  test('by HTTP: 200 lets the request go on, with the fields that may', async () => {
    const asked = await serveHttp(() => plain('200 OK', 'x-user: ann\r\nx-other: no\r\nx-seen: yes\r\n'))
    const answer = await app.send(
      getRequest('/ask?a=b', 'X-Ask: me', 'X-Secret: s', 'X-User: root', 'X-B3-TraceId: 1'),
    )
    assert.match(answer, /^HTTP\/1\.1 200 /)
    assert.match(answer, /\r\nx-seen: yes\r\n/)
    assert.match(asked[0] ?? '', /^GET \/check\/ask\?a=b HTTP\/1\.1\r\n/)
    assert.match(asked[0] ?? '', /\r\nhost: app\.demo\r\n/i)
    assert.match(asked[0] ?? '', /\r\nx-ask: me\r\n/i)
    assert.match(asked[0] ?? '', /\r\nx-b3-traceid: 1\r\n/i)
    assert.match(asked[0] ?? '', /\r\nx-static: here\r\n/)
    assert.doesNotMatch(asked[0] ?? '', /x-secret/i)
    assert.match(app.seen[0] ?? '', /\r\nx-user: ann\r\n/)
    assert.doesNotMatch(app.seen[0] ?? '', /root|x-other/)
    await app.send(getRequest('/else'))
    assert.equal(asked.length, 1)
  })

  test('by HTTP: any other answer is the client’s', async () => {
    await serveHttp(() =>
      plain('401 Unauthorized', 'www-authenticate: Basic\r\ncontent-type: text/html\r\n', 'no'),
    )
    const answer = await app.send(getRequest('/ask'))
    assert.match(answer, /^HTTP\/1\.1 401 [^]*\r\ncontent-type: text\/html\r\n[^]*\r\n\r\nno$/)
    assert.match(answer, /\r\nwww-authenticate: Basic\r\n/)
    assert.equal(app.proxy.logLines.at(-1), '401 UAEX ext_authz_denied\n')
    assert.equal(app.seen.length, 0)
  })

  test('a service that does not decide refuses, or lets pass where it is said so', async () => {
    await serveHttp(() => plain('503 Nope', ''), { statusOnError: 418 })
    assert.match(await app.send(getRequest('/ask')), /^HTTP\/1\.1 418 /)
    assert.equal(app.proxy.logLines.at(-1), '418 UAEX ext_authz_error\n')
    serve(1, { http: HTTP, failsOpen: true })
    assert.match(await app.send(getRequest('/ask')), /^HTTP\/1\.1 200 /)
    serve(1, { http: HTTP })
    assert.match(await app.send(getRequest('/ask')), /^HTTP\/1\.1 403 /)
  })

  test('one that says nothing is waited for as long as its timeout', async () => {
    const server = await rawServer(() => {})
    closers.push(server.close)
    serve(server.port, { http: HTTP, timeoutMs: 50 })
    assert.match(await app.send(getRequest('/ask')), /^HTTP\/1\.1 403 /)
  })

  test('a provider that nobody knows refuses what its policy matches', async () => {
    app.set(ASK)
    assert.match(await app.send(getRequest('/ask')), /^HTTP\/1\.1 403 [^]*RBAC: access denied$/)
    assert.match(app.proxy.logLines.at(-1) ?? '', /bad-CUSTOM-action\]\n$/)
    assert.match(await app.send(getRequest('/else')), /^HTTP\/1\.1 200 /)
  })

  test('a DENY policy refuses what the service has allowed', async () => {
    await serveHttp(() => plain('200 OK', ''))
    app.set(policyOf('no', { kind: 'deny' }, [{ to: [[one('path', ['/ask/no'])]] }]))
    assert.match(await app.send(getRequest('/ask/no')), /^HTTP\/1\.1 403 /)
    assert.match(await app.send(getRequest('/ask/yes')), /^HTTP\/1\.1 200 /)
  })

  const post = (body: string) =>
    `POST /ask HTTP/1.1\r\nHost: app.demo\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`

  test('the body is shown as far as may be, and goes on whole', async () => {
    const more = { body: { bytesMax: 5, mayBePartial: true, isRaw: false } }
    const asked = await serveHttp(() => plain('200 OK', ''), more)
    assert.match(await app.send(post('0123456789')), /^HTTP\/1\.1 200 /)
    assert.match(asked[0] ?? '', /\r\ncontent-length: 5\r\n/)
    assert.match(app.seen[0] ?? '', /\r\ncontent-length: 10\r\n/i)
    serveMesh({ body: { bytesMax: 5, mayBePartial: false, isRaw: false } })
    assert.match(await app.send(post('0123456789')), /^HTTP\/1\.1 413 /)
    assert.match(await app.send(post('01234')), /^HTTP\/1\.1 200 /)
  })

  function serveMesh(authorizer: Partial<ExternalAuthorizer>): void {
    app.set(meshWith({ http: HTTP, ...authorizer }, service.hostname))
  }

  async function serveGrpc(
    decide: (request: CheckRequest) => CheckResponse,
    more: Partial<ExternalAuthorizer> = {},
  ) {
    const server = new Server()
    server.addService(
      {
        check: {
          path: '/envoy.service.auth.v3.Authorization/Check',
          requestStream: false,
          responseStream: false,
          requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
          requestSerialize: (value: CheckRequest) => Buffer.from(toBinary(CheckRequestSchema, value)),
          responseSerialize: (value: CheckResponse) => Buffer.from(toBinary(CheckResponseSchema, value)),
          responseDeserialize: (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
        },
      },
      {
        check: (
          call: ServerUnaryCall<CheckRequest, CheckResponse>,
          done: (e: null, r: CheckResponse) => void,
        ) => done(null, decide(call.request)),
      },
    )
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    )
    closers.push(() => server.forceShutdown())
    serve(port, more, grpcService)
  }

  test('by gRPC: a service sees the request, changes its fields, and answers in its place', async () => {
    const seen: CheckRequest[] = []
    await serveGrpc(
      (request) => {
        seen.push(request)
        const http = request.attributes?.request?.http
        return http?.headers['x-pass'] === undefined
          ? create(CheckResponseSchema, {
              status: { code: 7 },
              httpResponse: {
                case: 'deniedResponse',
                value: {
                  status: { code: 302 },
                  headers: [{ header: { key: 'Location', value: '/login' } }],
                  body: 'log in',
                },
              },
            })
          : create(CheckResponseSchema, {
              status: { code: 0 },
              httpResponse: {
                case: 'okResponse',
                value: {
                  headers: [{ header: { key: 'x-user', value: 'ann' } }],
                  headersToRemove: ['x-pass'],
                  responseHeadersToAdd: [{ header: { key: 'x-checked', value: 'yes' } }],
                },
              },
            })
      },
      { body: { bytesMax: 100, mayBePartial: true, isRaw: true } },
    )
    const denied = await app.send(getRequest('/ask?x'))
    assert.match(denied, /^HTTP\/1\.1 302 [^]*\r\nlocation: \/login\r\n[^]*\r\n\r\nlog in$/)
    const allowed = await app.send(getRequest('/ask', 'X-Pass: yes', 'X-User: root'))
    assert.match(allowed, /^HTTP\/1\.1 200 [^]*\r\nx-checked: yes\r\n/)
    assert.match(app.seen[0] ?? '', /\r\nx-user: ann\r\n/)
    assert.doesNotMatch(app.seen[0] ?? '', /root|x-pass/i)
    await app.send(post('body').replace('Host', 'X-Pass: a\r\nHost'))
    const { attributes } = seen.at(-1) ?? {}
    const http = attributes?.request?.http
    assert.deepEqual(
      [http?.method, http?.path, http?.host, http?.protocol, Buffer.from(http?.rawBody ?? []).toString()],
      ['POST', '/ask', 'app.demo', 'HTTP/1.1', 'body'],
    )
    assert.equal(attributes?.destination?.address?.address.case, 'socketAddress')
    assert.equal(seen[0]?.attributes?.request?.http?.path, '/ask?x')
  })

  const BYTES = '\x00\x01\x02not http\r\n\r\n'
  const sendBytes = () =>
    exchangeBytes(app.inbound, BYTES, (answer) => answer.endsWith('fine')).catch(() => '')
  const ASK_PORT = () =>
    policyOf('ask', { kind: 'custom', provider: 'ext' }, [{ to: [[one('port', [String(app.appPort)])]] }])
  const logged = async (lines: number) => {
    await until(() => app.proxy.logLines.length === lines, 'a line of the log')
    return app.proxy.logLines.at(-1)
  }

  test('by gRPC: connections that are no HTTP are decided before anything is connected to', async () => {
    const seen: CheckRequest[] = []
    const statuses = [7, 0, 0]
    await serveGrpc((request) => {
      seen.push(request)
      return create(CheckResponseSchema, { status: { code: statuses.shift() ?? 7 } })
    })
    app.set(ASK_PORT(), meshWith({}, grpcService.hostname, CONNECTION_LOG))
    assert.equal(await sendBytes(), '')
    assert.equal(await logged(1), 'UAEX ext_authz_denied -\n')
    assert.match(await sendBytes(), /^HTTP\/1\.1 200 /)
    assert.match((await logged(2)) ?? '', /^- - 127\.0\.0\.1:/)
    const { attributes } = seen[0] ?? {}
    assert.equal(attributes?.request, undefined)
    for (const peer of [attributes?.source, attributes?.destination]) {
      const address = peer?.address?.address
      assert.equal(address?.case === 'socketAddress' && address.value.address, '127.0.0.1')
    }
    // What the service allows is still held against the other policies.
    app.set(policyOf('no', { kind: 'deny' }, [{ to: [[one('port', [String(app.appPort)])]] }]))
    assert.equal(await sendBytes(), '')
    assert.match((await logged(3)) ?? '', /^- rbac_access_denied_matched_policy\[ns\[demo\]-policy\[no\]/)
    assert.equal(seen.length, 3)
  })

  test('by gRPC: a connection over which nobody decides is closed, or used where it is said so', async () => {
    serve(1, {}, grpcService)
    app.set(ASK_PORT(), meshWith({}, grpcService.hostname, CONNECTION_LOG))
    assert.equal(await sendBytes(), '')
    assert.equal(await logged(1), 'UAEX ext_authz_error -\n')
    app.set(meshWith({ failsOpen: true }, grpcService.hostname, CONNECTION_LOG))
    assert.match(await sendBytes(), /^HTTP\/1\.1 200 /)
    await logged(2)
    app.set({ ...(meshObject(CONNECTION_LOG) as Mesh), authorizers: [] })
    assert.equal(await sendBytes(), '')
    assert.match((await logged(3)) ?? '', /bad-CUSTOM-action\] -\n$/)
  })

  test('by gRPC: a service that says nothing of a connection is waited for as long as its timeout', async () => {
    const silent = await rawServer(() => {})
    closers.push(silent.close)
    serve(silent.port, {}, grpcService)
    app.set(ASK_PORT(), meshWith({ timeoutMs: 50 }, grpcService.hostname, CONNECTION_LOG))
    assert.equal(await sendBytes(), '')
    assert.equal(await logged(1), 'UAEX ext_authz_error -\n')
  })

  test('a provider of HTTP has no say in connections that are no HTTP', async () => {
    const asked = await serveHttp(() => plain('403 Forbidden', ''))
    app.set(ASK_PORT())
    assert.match(await sendBytes(), /^HTTP\/1\.1 200 /)
    assert.equal(asked.length, 0)
  })

  test('by gRPC: what cannot be reached has not decided', async () => {
    serve(1, {}, grpcService)
    assert.match(await app.send(getRequest('/ask')), /^HTTP\/1\.1 403 /)
    assert.equal(app.proxy.logLines.at(-1), '403 UAEX ext_authz_error\n')
  })
})
