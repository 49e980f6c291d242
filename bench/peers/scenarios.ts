import { envoy, envoyAsIstio } from './envoy.ts'
import { haproxy } from './haproxy.ts'
import type { Downstream, Hop, Peer, RouteKind, Upstream } from './hop.ts'
import { lateen } from './lateen.ts'
import { echo, h2load, handshakes, type Load, wrk } from './load.ts'
import { nginx } from './nginx.ts'
import { BODIES, GRPC_MESSAGE, GRPC_PATH, type Server } from './upstream.ts'

/** A proxy in a scenario; several may be of one kind. */
export interface Contestant {
  readonly name: string
  readonly peer: Peer
  readonly routes?: Hop['routes']
}

export interface Scenario {
  /** what `--scenario` names */
  readonly id: string
  readonly title: string
  readonly accepts: Downstream
  readonly speaks: Upstream
  readonly server: Server
  /** how a request is made; undefined: idle connections are measured instead */
  readonly load: Load | undefined
  /** what one of them is called */
  readonly unit: string
  /** Two proxies, the first to the second in mutual TLS; their costs are added. */
  readonly isPair?: boolean
  /** The last proxy lets the client's identity in, for what it may do, and nobody else. */
  readonly authorizes?: boolean
  readonly workers?: number
  readonly contestants: readonly Contestant[]
  /** At most this part of the named one's CPU per request. */
  readonly goals: Readonly<Record<string, number>>
  /** At most this part of the named one's memory. */
  readonly memoryGoals?: Readonly<Record<string, number>>
}

/** What the ratios are of. */
export const OURS = 'Lateen'
const ONE_ROUTE = 'Lateen, one route'
const ROUTES = 5000

const all = (routes?: Hop['routes']): readonly Contestant[] =>
  [nginx, haproxy, envoy, envoyAsIstio, lateen].map((peer) => ({
    name: peer.name,
    peer,
    ...(routes && { routes }),
  }))

const http1 = {
  accepts: 'http1',
  speaks: 'http1',
  server: 'plain',
  unit: 'request',
  contestants: all(),
  goals: {},
} as const

/** Both of Envoy's configurations have to be beaten where the goal speaks of Envoy. */
const envoys = (most: number) => ({ [envoy.name]: most, [envoyAsIstio.name]: most })

export const SCENARIOS: readonly Scenario[] = [
  {
    ...http1,
    id: 'http1',
    title: 'HTTP/1.1 → HTTP/1.1',
    load: wrk(),
    goals: { [envoyAsIstio.name]: 0.5, nginx: 1.25 },
  },
  {
    ...http1,
    id: 'mtls',
    title: 'HTTP/1.1 → HTTP/1.1 in mutual TLS 1.3',
    speaks: 'mtls',
    server: 'mtls',
    load: wrk(),
    goals: envoys(0.6),
  },
  {
    ...http1,
    id: 'pair',
    title: 'sidecar pair: plain → A → mutual TLS → B → plain',
    isPair: true,
    load: wrk(),
    goals: envoys(0.5),
  },
  {
    ...http1,
    id: 'pair-authz',
    title: 'sidecar pair that authorizes: A → mutual TLS → B lets A in',
    isPair: true,
    authorizes: true,
    load: wrk(),
    goals: envoys(0.5),
  },
  ...(['full', 'resumed'] as const).map((kind): Scenario => ({
    ...http1,
    id: `handshake-${kind}`,
    title: `connections in mutual TLS 1.3 with one request each, handshakes ${kind}`,
    accepts: 'mtls',
    unit: 'connection',
    load: handshakes(kind),
  })),
  {
    ...http1,
    id: 'http2-http1',
    title: 'HTTP/2 → HTTP/1.1',
    accepts: 'http2',
    load: h2load(),
    goals: { ...envoys(0.6), nginx: 1.25 },
  },
  {
    ...http1,
    id: 'http2',
    title: 'HTTP/2 → HTTP/2',
    accepts: 'http2',
    speaks: 'http2',
    server: 'http2',
    load: h2load(),
    goals: { ...envoys(0.6), nginx: 1.25 },
  },
  {
    ...http1,
    id: 'grpc',
    title: 'gRPC, unary',
    accepts: 'http2',
    speaks: 'grpc',
    server: 'grpc',
    load: h2load({ path: GRPC_PATH, body: GRPC_MESSAGE }),
    goals: envoys(0.6),
  },
  {
    ...http1,
    id: 'grpc-stream',
    title: 'gRPC, messages on streams that stay open',
    accepts: 'http2',
    speaks: 'grpc',
    server: 'grpc-stream',
    unit: 'message to and fro',
    load: echo('grpc-stream'),
    goals: envoys(0.6),
  },
  ...Object.entries(BODIES).flatMap(([name, size]): readonly Scenario[] => {
    const text = name === '1m' ? '1 MB' : '64 KB'
    const connections = name === '1m' ? 8 : 16
    return [
      {
        ...http1,
        id: `down-${name}`,
        title: `responses of ${text}`,
        load: wrk({ connections, path: `/${name}` }),
      },
      {
        ...http1,
        id: `up-${name}`,
        server: 'upload',
        title: `requests of ${text}`,
        load: wrk({ connections, uploads: size }),
      },
    ]
  }),
  {
    ...http1,
    id: 'websocket',
    title: 'WebSocket, echo of 100 bytes',
    server: 'websocket',
    unit: 'message to and fro',
    load: echo('websocket'),
  },
  { ...http1, id: 'tcp', title: 'TCP (with HTTP/1.1 in it)', accepts: 'tcp', speaks: 'tcp', load: wrk() },
  routesScenario('hosts', '5,000 routes: hosts', envoys(1)),
  routesScenario('prefixes', '5,000 routes: prefixes on one host'),
  routesScenario('regexes', '5,000 routes: regular expressions on one host'),
  { ...http1, id: 'idle', title: '1,000 idle connections', load: undefined },
  {
    ...http1,
    id: 'workers',
    title: '2 workers, HTTP/1.1, all on both cores',
    workers: 2,
    load: wrk({ connections: 64 }),
  },
]

function routesScenario(kind: RouteKind, title: string, memoryGoals?: Scenario['goals']): Scenario {
  const contestants = [...all({ kind, count: ROUTES }), { name: ONE_ROUTE, peer: lateen }]
  const goals = { [ONE_ROUTE]: 1.1 }
  return {
    ...http1,
    id: `routes-${kind}`,
    title,
    load: wrk(),
    contestants,
    goals,
    ...(memoryGoals && { memoryGoals }),
  }
}
