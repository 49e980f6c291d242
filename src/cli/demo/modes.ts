import type { Answer, Ask } from './sampling.ts'

/** A routing mode of the walkthrough: what is applied, what is asked, and what must come of it. */
export interface RoutingMode {
  readonly title: string
  readonly explanation: string
  /** Relative to samples/demo/routing. */
  readonly manifests: readonly string[]
  readonly api: 'gateway-api' | 'istio-api'
  readonly probes: readonly Probe[]
}

export interface Probe {
  readonly title: string
  readonly ask: Omit<Ask, 'address'>
  readonly count: number
  /** What an answer is counted under. */
  readonly nameOf: (answer: Answer) => string
  /** The share that each name must have, with the tolerance in share; names not listed must not occur. */
  readonly expected: Readonly<Record<string, number>>
  readonly tolerance: number
  /** A header of the last answer that proves it. */
  readonly proof?: string
}

/**
 * 5 standard deviations of a share over 200 independent draws at 50 % are 0.18: a sound mesh fails this about once in
 * two million runs. Round robin over two endpoints is far closer than independent draws would be.
 */
const TOLERANCE = 0.18
const COUNT = 200

const backendVersion = (answer: Answer) =>
  answer.status === 200 ? `backend ${version(answer.body)}` : `status ${answer.status}`
const monitorVersion = (answer: Answer) =>
  answer.status === 200
    ? `monitor ${/Monitor Service Version:\s*([^<\s]+)/.exec(answer.body)?.[1] ?? '?'}`
    : `status ${answer.status}`

const backend = (expected: Readonly<Record<string, number>>, rest: Partial<Probe> = {}): Probe => ({
  title: 'GET /api/version',
  ask: { path: '/api/version' },
  count: COUNT,
  nameOf: backendVersion,
  expected,
  tolerance: isCertain(expected) ? 0 : TOLERANCE,
  proof: 'x-version',
  ...rest,
})

const monitor = (expected: Readonly<Record<string, number>>): Probe => ({
  title: 'GET /status',
  ask: { path: '/status' },
  count: 40,
  nameOf: monitorVersion,
  expected,
  // 40 draws: 5 standard deviations are 0.40.
  tolerance: isCertain(expected) ? 0 : 0.4,
})

const EVEN = { 'backend 1.0.0': 0.5, 'backend 2.0.0': 0.5 }
const EVEN_MONITOR = { 'monitor 1.0.0': 0.5, 'monitor 2.0.0': 0.5 }
const V1 = { 'backend 1.0.0': 1 }
const V2 = { 'backend 2.0.0': 1 }

const userProbes: readonly Probe[] = [
  backend(V1, {
    title: 'GET /api/version  x-user: jonathan',
    ask: { path: '/api/version', headers: { 'x-user': 'jonathan' } },
  }),
  backend(V2, {
    title: 'GET /api/version  x-user: user001',
    ask: { path: '/api/version', headers: { 'x-user': 'user001' } },
  }),
]

const cookieProbes: readonly Probe[] = [
  backend(V1, {
    title: 'GET /api/version  cookie: group=alpha',
    ask: { path: '/api/version', headers: { cookie: 'group=alpha' } },
  }),
  backend(V2, {
    title: 'GET /api/version  cookie: group=beta',
    ask: { path: '/api/version', headers: { cookie: 'group=beta' } },
  }),
]

const SCENES = [
  {
    title: 'Round robin',
    explanation: 'one Service over both versions',
    file: 'route-round-robin.yaml',
    probes: [backend(EVEN), monitor(EVEN_MONITOR)],
  },
  {
    title: 'A specific version',
    explanation: 'backend 2.0.0 and monitor 1.0.0 alone',
    file: 'route-to-specific-version.yaml',
    probes: [backend(V2), monitor({ 'monitor 1.0.0': 1 })],
  },
  {
    title: 'A specific user',
    explanation: 'the header x-user decides; each route adds a header x-version of its own to the backend’s',
    file: 'route-to-user.yaml',
    probes: userProbes,
  },
  {
    title: 'Canary, 90 to 10',
    explanation: 'weights',
    file: 'route-weights-90-10.yaml',
    probes: [backend({ 'backend 1.0.0': 0.9, 'backend 2.0.0': 0.1 })],
  },
  {
    title: 'A/B by cookie',
    explanation: 'the cookie group decides',
    file: 'route-cookie-group.yaml',
    probes: cookieProbes,
  },
  {
    title: 'Blue, then green',
    explanation: 'all traffic to one version',
    file: 'route-green.yaml',
    probes: [backend(V2)],
  },
] as const

export const ROUTING_MODES: readonly RoutingMode[] = [
  ...SCENES.map((scene) => ({
    ...scene,
    api: 'gateway-api' as const,
    manifests: [`gateway-api/${scene.file}`],
  })),
  ...SCENES.slice(0, 4).map((scene) => ({
    ...scene,
    api: 'istio-api' as const,
    manifests: [`istio-api/${scene.file}`],
  })),
]

function version(body: string): string {
  return /"version":"([^"]*)"/.exec(body)?.[1] ?? '?'
}

function isCertain(expected: Readonly<Record<string, number>>): boolean {
  return Object.values(expected).includes(1)
}
