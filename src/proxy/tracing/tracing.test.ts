import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Mesh, MeshTelemetry, OpenTelemetryProvider, Telemetry, TracingRule } from '../../model/index.ts'
import { credentialName, telemetryName, type UpstreamTls } from '../../model/index.ts'
import { startGateway, startSidecar, type TestGateway } from '../testing-gateway.ts'
import {
  changesOf,
  exchangeBytes,
  meshObject,
  ok,
  rawServer,
  respondWith,
  serviceObject,
  until,
  workloadObject,
} from '../testing.ts'
import { createTestAuthority, type TestAuthority } from '../tls/testing/authority.ts'
import { type CollectedSpan, grpcCollector, httpCollector, type TestCollector } from './testing.ts'

type Originate = Extract<UpstreamTls, { kind: 'originate' }>

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

function provider(port: number, extra: Partial<OpenTelemetryProvider> = {}): OpenTelemetryProvider {
  return {
    kind: 'opentelemetry',
    name: 'otel',
    host: '127.0.0.1',
    port,
    timeoutMs: 5000,
    headers: [],
    tagLengthMax: 256,
    readsEnvironment: false,
    ...extra,
  }
}

function tracingMesh(collector: OpenTelemetryProvider, extra: Partial<MeshTelemetry> = {}): Mesh {
  return {
    ...(meshObject('%TRACE_ID%\n') as Mesh),
    telemetry: {
      providers: [collector],
      defaultProviders: { tracing: ['otel'], accessLogging: [] },
      isTracingOn: true,
      samplingPercent: 100,
      tags: {},
      ...extra,
    },
  }
}

function telemetry(rule: Omit<TracingRule, 'mode'>): Telemetry {
  return {
    type: 'telemetry',
    key: telemetryName('demo', 't'),
    namespace: 'demo',
    labels: {},
    createdAt: '',
    tracing: [{ mode: 'both', ...rule }],
    accessLogging: [],
    metrics: [],
    origin: { kind: 'Telemetry', namespace: 'demo', name: 't' },
  }
}

interface Traced {
  readonly collector: TestCollector
  readonly gateway: TestGateway
  /** Heads that the upstream got. */
  readonly heads: string[]
  readonly ask: (fields?: string, path?: string) => Promise<string>
  readonly spans: (count: number) => Promise<readonly CollectedSpan[]>
}

/** A gateway that traces, its collector and one server behind it. */
async function withGateway(
  options: {
    readonly collector?: () => Promise<TestCollector>
    readonly mesh?: Partial<MeshTelemetry>
    readonly provider?: Partial<OpenTelemetryProvider>
    readonly answer?: (head: string) => string
    readonly isSidecar?: boolean
  },
  use: (traced: Traced) => Promise<void>,
): Promise<void> {
  const collector = await (options.collector ?? grpcCollector)()
  const heads: string[] = []
  const upstream = await rawServer(
    respondWith((head) => {
      heads.push(head)
      return options.answer?.(head) ?? ok('hello')
    }),
  )
  const mesh = tracingMesh(provider(options.provider?.port ?? collector.port, options.provider), options.mesh)
  const instance = { surroundings: { hostname: 'h', environment: ENVIRONMENT } }
  const gateway = options.isSidecar
    ? await startSidecar({ upstreamPort: upstream.port, log: '%TRACE_ID%\n', forward: {} })
    : await startGateway({
        upstreamPort: upstream.port,
        mesh: () => mesh,
        instance,
        forward: { retries: RETRIES },
      })
  if (options.isSidecar) gateway.proxy.accept(changesOf([mesh]))
  try {
    await use({
      collector,
      gateway,
      heads,
      ask: (fields = '', path = '/a?b=c') =>
        exchangeBytes(
          gateway.port,
          `GET ${path} HTTP/1.1\r\nHost: s.demo.svc.cluster.local\r\nConnection: close\r\n${fields}\r\n`,
        ),
      async spans(count) {
        await until(() => collector.spans.length >= count, `${count} spans have come`)
        return collector.spans
      },
    })
  } finally {
    gateway.close()
    upstream.close()
    collector.close()
  }
}

const RETRIES = { attempts: 2, retryOn: ['5xx'], backoffMs: 1 }

const ENVIRONMENT: Readonly<Record<string, string>> = {
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test%20bed,service.name=shop',
  REGION: 'north',
}

function field(head: string | undefined, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, 'im').exec(head ?? '')?.[1]
}

// Spans are sent once a second: the tests wait side by side.
describe('a gateway that traces', { concurrency: true }, () => {
  test('begins a trace where there is none: a span of the server, one of the client, and the id in what it sends', async () => {
    await withGateway({}, async ({ ask, heads, spans, collector, gateway }) => {
      await ask('User-Agent: test\r\n')
      const [server, client] = await spans(2)
      assert.ok(server && client)
      assert.deepEqual([server.kind, client.kind], ['server', 'client'])
      assert.equal(server.parentId, '')
      assert.equal(client.parentId, server.spanId)
      assert.equal(client.traceId, server.traceId)
      assert.equal(field(heads[0], 'traceparent'), `00-${server.traceId}-${client.spanId}-01`)
      assert.equal(server.name, 's.demo.svc.cluster.local:80/*')
      assert.equal(client.name, 'router outbound|80||s.demo.svc.cluster.local egress')
      assert.equal(await gateway.logged(), server.traceId)
      const { tags } = server
      assert.equal(tags['component'], 'proxy')
      assert.equal(tags['http.url'], 'http://s.demo.svc.cluster.local/a?b=c')
      assert.equal(tags['http.method'], 'GET')
      assert.equal(tags['http.status_code'], '200')
      assert.equal(tags['user_agent'], 'test')
      assert.equal(tags['response_flags'], '-')
      assert.equal(tags['upstream_cluster.name'], 'outbound|80||s.demo.svc.cluster.local')
      assert.equal(tags['guid:x-request-id'], field(heads[0], 'x-request-id'))
      assert.equal(tags['istio.mesh_id'], 'cluster.local')
      assert.equal(client.tags['peer.address'], client.tags['upstream_address'])
      assert.ok(server.startNs <= client.startNs && client.endNs <= server.endNs)
      assert.equal(collector.resources[0]?.['service.name'], 's-1.demo')
    })
  })

  test('keeps the decision of its caller, and writes its own in the id of the request', async () => {
    await withGateway({ mesh: { samplingPercent: 0 } }, async ({ ask, heads, spans, collector }) => {
      await ask(`traceparent: 00-${TRACE}-${SPAN}-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n`)
      const [server] = await spans(2)
      assert.deepEqual([server?.traceId, server?.parentId], [TRACE, SPAN])
      assert.equal(field(heads[0], 'tracestate'), 'a=1,b=2')
      assert.equal(heads[0]?.match(/^traceparent:/gim)?.length, 1)
      await ask(`traceparent: 00-${TRACE}-${SPAN}-00\r\n`)
      await ask()
      await ask('x-request-id: 6c2f3a5e-0000-4000-8000-000000000000\r\nx-client-trace-id: me\r\n')
      await spans(4)
      assert.match(
        field(heads[1], 'traceparent') ?? '',
        new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-00$`),
      )
      assert.match(field(heads[2], 'traceparent') ?? '', /-00$/)
      assert.equal(field(heads[2], 'x-request-id')?.[14], '4')
      // A client outside has no say in the id.
      assert.equal(field(heads[3], 'x-request-id')?.[14], 'b')
      assert.match(field(heads[3], 'traceparent') ?? '', /-01$/)
      assert.equal(collector.spans[2]?.tags['guid:x-client-trace-id'], 'me')
    })
  })

  test('goes on in B3 where its caller speaks B3', async () => {
    await withGateway({}, async ({ ask, heads, spans }) => {
      await ask(`b3: ${TRACE}-${SPAN}-1\r\n`)
      await ask(`X-B3-TraceId: ${TRACE}\r\nX-B3-SpanId: ${SPAN}\r\nX-B3-Sampled: 1\r\n`)
      const all = await spans(4)
      const [first, second] = all.filter((span) => span.kind === 'client')
      assert.equal(field(heads[0], 'b3'), `${TRACE}-${first?.spanId}-1-${first?.parentId}`)
      assert.equal(field(heads[0], 'traceparent'), `00-${TRACE}-${first?.spanId}-01`)
      assert.equal(field(heads[1], 'x-b3-spanid'), second?.spanId)
      assert.equal(field(heads[1], 'x-b3-parentspanid'), second?.parentId)
      assert.equal(heads[1]?.match(/^x-b3-traceid:/gim)?.length, 1)
    })
  })

  test('does not let a client outside force a trace as a proxy may', async () => {
    await withGateway({ mesh: { samplingPercent: 0 } }, async ({ ask, heads }) => {
      await ask('x-envoy-force-trace: 1\r\n')
      assert.match(field(heads[0], 'traceparent') ?? '', /-00$/)
      assert.equal(field(heads[0], 'x-envoy-force-trace'), undefined)
    })
  })

  test('has one span of the client for each attempt', async () => {
    const answer = (head: string) =>
      head.includes('x-envoy-attempt-count: 1')
        ? 'HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n'
        : ok('hello')
    await withGateway({ answer }, async ({ ask, heads, spans }) => {
      assert.match(await ask(), /hello/)
      const [server, first, second] = await spans(3)
      assert.equal(server?.isError, false)
      assert.deepEqual([first?.isError, second?.isError], [true, false])
      assert.equal(second?.tags['retry.count'], '1')
      assert.deepEqual(
        heads.map((head) => field(head, 'traceparent')?.split('-')[2]),
        [first?.spanId, second?.spanId],
      )
    })
  })

  test('adds the tags that are asked for, says what failed, and obeys a change of mind', async () => {
    const tags: MeshTelemetry['tags'] = {
      fixed: { kind: 'literal', value: 'v' },
      region: { kind: 'environment', name: 'REGION' },
      none: { kind: 'environment', name: 'NONE', fallback: 'fallback' },
      tenant: { kind: 'header', name: 'x-tenant', fallback: 'nobody' },
      absent: { kind: 'header', name: 'x-none' },
      formatted: { kind: 'format', text: '%REQ(X-TENANT)%/%RESPONSE_CODE%' },
    }
    const answer = () => 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'
    const extra = { readsEnvironment: true, tagLengthMax: 4, headers: [{ name: 'x-key', value: 'secret' }] }
    await withGateway(
      { mesh: { tags }, answer, provider: extra },
      async ({ ask, spans, collector, gateway, heads }) => {
        await ask('X-Tenant: acme\r\n', '/very-long')
        const [server] = await spans(2)
        assert.deepEqual(
          ['fixed', 'region', 'none', 'tenant', 'absent', 'formatted', 'http.url', 'error'].map(
            (name) => server?.tags[name],
          ),
          [
            'v',
            'north',
            'fallback',
            'acme',
            undefined,
            'acme/500',
            'http://s.demo.svc.cluster.local/ver',
            'true',
          ],
        )
        assert.equal(server?.isError, true)
        assert.equal(collector.resources[0]?.['deployment.environment'], 'test bed')
        assert.equal(collector.resources[0]?.['service.name'], 'shop')
        assert.equal(collector.headers[0]?.['x-key'], 'secret')
        gateway.proxy.accept(changesOf([telemetry({ samplingPercent: 0 })]))
        await ask()
        assert.match(field(heads.at(-1), 'traceparent') ?? '', /-00$/)
        gateway.proxy.accept(changesOf([telemetry({ isReportingOff: true })]))
        await ask()
        assert.match(field(heads.at(-1), 'traceparent') ?? '', /-01$/)
        gateway.proxy.accept(changesOf([telemetry({ isPropagationOff: true })]))
        await ask()
        assert.equal(field(heads.at(-1), 'traceparent'), undefined)
        gateway.proxy.accept(changesOf([telemetry({ providers: ['nobody'] })]))
        await ask(`traceparent: mine\r\n`)
        assert.equal(field(heads.at(-1), 'traceparent'), 'mine')
        // The first and the last but one, each with three attempts.
        await spans(8)
        assert.equal(collector.spans.length, 8)
      },
    )
  })

  test('sends by HTTP as well', async () => {
    const http = { path: '/v1/traces', isSecure: false }
    await withGateway({ collector: httpCollector, provider: { http } }, async ({ ask, spans, collector }) => {
      await ask()
      await spans(2)
      assert.equal(collector.headers[0]?.[':path'], '/v1/traces')
      assert.equal(collector.headers[0]?.['content-type'], 'application/x-protobuf')
    })
  })

  test('serves on when the collector fails, and counts what it threw away', async () => {
    await withGateway({}, async ({ ask, spans, collector, gateway }) => {
      collector.failing = true
      assert.match(await ask(), /hello/)
      const count = (name: string) =>
        new RegExp(`^envoy_tracing_opentelemetry_spans_${name}\\{\\} (\\d+)$`, 'm').exec(
          gateway.proxy.registry.text(),
        )?.[1]
      await until(() => count('dropped') === '2', 'the spans are counted as dropped')
      collector.failing = false
      assert.match(await ask(), /hello/)
      await spans(2)
      await until(() => count('sent') === '2', 'they are counted as sent')
    })
  })
})

test('a sidecar is a client of its own only once: one span, whose id goes on', async () => {
  await withGateway({ isSidecar: true }, async ({ ask, spans, heads, collector }) => {
    await ask(`x-envoy-force-trace: 1\r\ntraceparent: 00-${TRACE}-${SPAN}-01\r\n`)
    const [client] = await spans(1)
    assert.equal(client?.kind, 'client')
    assert.equal(client?.name, 's.demo.svc.cluster.local:80/*')
    assert.equal(field(heads[0], 'traceparent'), `00-${TRACE}-${client?.spanId}-01`)
    assert.equal(collector.spans.length, 1)
  })
})

describe('a collector with a DestinationRule', { concurrency: true }, () => {
  /** The same service as client and as server of TLS: one authority, one certificate for each. */
  async function overTls(
    kind: 'grpc' | 'http',
    terms: (authority: TestAuthority) => Partial<Originate>,
    check: (traced: Traced) => Promise<void>,
  ): Promise<void> {
    const authority = createTestAuthority()
    const server = authority.issue(['otel.example'])
    const client = authority.issue(['client'])
    const tls = { certificate: server.chain, privateKey: server.privateKey, clients: authority.certificate }
    const key = credentialName('Secret', 'demo', 'client')
    try {
      await withGateway(
        {
          collector: () => (kind === 'grpc' ? grpcCollector(tls) : httpCollector(tls)),
          provider: {
            host: 'otel.demo.svc.cluster.local',
            port: 4317,
            ...(kind === 'http' && { http: { path: '/v1/traces', isSecure: false } }),
          },
        },
        async (traced) => {
          const certificate = { chain: client.chain, privateKey: client.privateKey }
          const origin = { kind: 'DestinationRule', namespace: 'demo', name: 'otel' }
          const plain = serviceObject('otel', { ports: [{ port: 4317, name: 'otlp', protocol: 'tcp' }] })
          const originate: Originate = {
            kind: 'originate',
            serverName: 'otel.example',
            subjectAltNames: [],
            trust: { kind: 'certificates', pem: authority.certificate },
            certificate: { source: 'Secret', name: 'client' },
            ...terms(authority),
          }
          const { collector, gateway } = traced
          const rejections = gateway.proxy.accept(
            changesOf([
              {
                type: 'credential',
                key,
                holders: [{ namespace: 'demo', serviceAccounts: ['default'] }],
                certificate,
                origin: { ...origin, kind: 'Secret' },
              },
              { ...plain, policies: [{ traffic: { tls: originate }, ports: {}, subsets: [], origin }] },
              workloadObject('otel-1', {
                address: '127.0.0.1',
                services: { [plain.key]: { ports: { '4317': collector.port }, ready: true } },
              }),
            ]),
          )
          assert.deepEqual(rejections, [])
          await check(traced)
        },
      )
    } finally {
      authority.close()
    }
  }

  for (const kind of ['grpc', 'http'] as const) {
    test(`is reached by ${kind} with the TLS that it asks for, the client's certificate included`, async () => {
      await overTls(
        kind,
        () => ({}),
        async ({ ask, spans }) => {
          await ask()
          assert.equal((await spans(2)).length, 2)
        },
      )
    })

    test(`gets nothing by ${kind} when it is somebody else`, async () => {
      await overTls(
        kind,
        () => ({ subjectAltNames: [{ kind: 'dns', value: 'another.example' }] }),
        async ({ ask, collector, gateway }) => {
          await ask()
          await until(
            () => /exports_failed(\{\})? 1$/m.test(gateway.proxy.registry.text()),
            'the export has failed',
          )
          assert.equal(collector.spans.length, 0)
        },
      )
    })
  }
})
