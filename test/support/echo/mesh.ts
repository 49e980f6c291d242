import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { startCluster, type TestCluster } from '../cluster.ts'
import type { CommandResult } from '../command.ts'
import { waitFor } from '../wait.ts'
import { call } from './call.ts'
import { APPLICATION, ECHO_IMAGE, GATEWAYS, NAMESPACES } from './manifests.ts'
import { type Call, ECHO_PORTS, type EchoOrder, type Order, type Reply } from './protocol.ts'

/** A pod that calls others when it is told to; what it sends goes the way of everything in its pod. */
export interface Caller {
  readonly address: string
  readonly call: (given: Call) => Promise<Reply>
  /** One after another, over as few connections as they need. */
  readonly calls: (given: readonly Call[]) => Promise<readonly Reply[]>
  readonly run: (command: readonly [string, ...string[]], input?: string) => Promise<CommandResult>
  /** @returns the greeting and what came back of each message */
  readonly webSocket: (url: string, messages: readonly string[]) => Promise<readonly string[]>
}

/** A cluster with the mesh, gateways of both APIs and the echo application in it. */
export interface EchoMesh {
  readonly cluster: TestCluster
  /** Address of the Gateway API's gateway. */
  readonly edge: string
  /** Address of istio-ingressgateway. */
  readonly ingress: string
  /** In namespace shop, with a sidecar. */
  readonly client: Caller
  /** In namespace guests, without. */
  readonly guest: Caller
  /** The first pod of a further deployment of the application. */
  readonly callerOf: (namespace: string, app: string) => Promise<Caller>
  readonly apply: (yaml: string) => Promise<void>
  readonly remove: (resource: string, namespace?: string) => Promise<void>
  /** Metadata, spec and status of an object. */
  readonly get: (resource: string, namespace?: string) => Promise<KubeView>
}

export interface KubeView {
  readonly metadata: { readonly generation: number; readonly resourceVersion: string }
  readonly status?: unknown
}

export async function startEchoMesh(): Promise<EchoMesh> {
  const cluster = await startCluster()
  try {
    return await installEcho(cluster)
  } catch (error) {
    await cluster.stop().catch(() => {})
    throw error
  }
}

async function installEcho(cluster: TestCluster): Promise<EchoMesh> {
  const program = fileURLToPath(new URL('./program.ts', import.meta.url))
  const mapped = await cluster.lateen(`image map ${ECHO_IMAGE} -- ${process.execPath} ${program}`)
  assert.equal(mapped.status, 0, mapped.stderr)
  const installed = await cluster.lateen('install --set profile=default -y', { timeoutMs: 120_000 })
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  const apply = async (yaml: string) => {
    await cluster.kubectl('apply -f -', { input: yaml })
  }
  await apply(NAMESPACES)
  await apply(`${APPLICATION}---${GATEWAYS}`)
  await cluster.kubectl('wait pods --all --for=condition=Ready -n shop --timeout=60s')
  await cluster.kubectl('wait pods --all --for=condition=Ready -n guests --timeout=60s')
  await cluster.kubectl(
    'wait gateways.gateway.networking.k8s.io/edge --for=condition=Programmed -n shop --timeout=60s',
  )
  const read = (line: string) => cluster.kubectl(line)
  const podIp = (namespace: string, app: string) =>
    read(`get pods -n ${namespace} -l app=${app} -o jsonpath={.items[0].status.podIP}`)
  return {
    cluster,
    edge: await read(
      'get gateways.gateway.networking.k8s.io edge -n shop -o jsonpath={.status.addresses[0].value}',
    ),
    ingress: await read(
      'get service istio-ingressgateway -n istio-system -o jsonpath={.status.loadBalancer.ingress[0].ip}',
    ),
    client: callerAt(await podIp('shop', 'client')),
    guest: callerAt(await podIp('guests', 'guest')),
    callerOf: async (namespace, app) => callerAt(await podIp(namespace, app)),
    apply,
    async remove(resource, namespace = 'shop') {
      await cluster.kubectl(`delete ${resource} -n ${namespace}`)
    },
    async get(resource, namespace = 'shop') {
      return JSON.parse(await cluster.kubectl(`get ${resource} -n ${namespace} -o json`)) as KubeView
    },
  }
}

function callerAt(address: string): Caller {
  async function send(order: Order): Promise<unknown> {
    const url = `http://${address}:${ECHO_PORTS.control}/`
    const reply = await call({ url, method: 'POST', body: JSON.stringify(order), timeoutMs: 30_000 })
    assert.equal(reply.status, 200, reply.body)
    return JSON.parse(reply.body)
  }
  const calls = async (given: readonly Call[]) =>
    (await send({ kind: 'calls', calls: given })) as readonly Reply[]
  return {
    address,
    calls,
    async call(given) {
      const [reply] = await calls([given])
      assert.ok(reply)
      return reply
    },
    webSocket: async (url, messages) =>
      (await send({ kind: 'web-socket', url, messages })) as readonly string[],
    run: async (command, input) =>
      (await send({ kind: 'run', command, ...(input !== undefined && { input }) })) as CommandResult,
  }
}

/** What a call is, in the order in which tests think of it: where, what, and how. */
export interface Question {
  readonly host?: string
  readonly port?: number
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly order?: EchoOrder
  readonly body?: string
  readonly bodyBytes?: number
  readonly fresh?: boolean
}

/** Asks a gateway. @param path with its query */
export function askAt(address: string, path: string, question: Question = {}): Promise<Reply> {
  const { host, port, headers, ...rest } = question
  const authority = port === undefined ? address : `${address}:${port}`
  return call({
    url: `http://${authority}${path}`,
    headers: { ...(host !== undefined && { host }), ...headers },
    ...rest,
  })
}

/** Calls until the answer is the one that was waited for. @returns that answer */
export function untilServed(
  what: string,
  ask: () => Promise<Reply>,
  isThere: (reply: Reply) => boolean = (reply) => reply.status !== 404,
): Promise<Reply> {
  return waitFor(
    what,
    async () => {
      const reply = await ask()
      if (isThere(reply)) return reply
      throw new Error(`the last answer was ${reply.status} ${reply.body.slice(0, 200)}`)
    },
    { deadlineMs: 15_000 },
  )
}

/** How many of the replies came from each version. */
export function versionsOf(replies: readonly Reply[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const reply of replies) {
    const name = reply.headers['x-served-by'] ?? String(reply.status)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/**
 * Whether a share of independent draws is what its weight says: within five standard deviations, so that a right
 * proxy fails less than once in a million runs.
 */
export function assertShare(count: number, total: number, share: number): void {
  const deviation = Math.sqrt(share * (1 - share) * total)
  const expected = share * total
  assert.ok(
    Math.abs(count - expected) <= 5 * deviation,
    `${count} of ${total}, expected ${expected} ± ${Math.ceil(5 * deviation)}`,
  )
}
