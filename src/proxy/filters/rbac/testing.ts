/** For tests: a sidecar on loopback before an application, and policies for it. */
import {
  type AuthorizationAction,
  type AuthorizationCondition,
  type AuthorizationPolicy,
  authorizationPolicyName,
  type AuthorizationRule,
  type ModelObject,
  type PlainAttribute,
} from '../../../model/index.ts'
import { createPlainNetwork } from '../../net/network.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  ok,
  rawServer,
  respondWith,
  type TestProxy,
} from '../../testing.ts'

export interface GuardedApp {
  readonly proxy: TestProxy
  readonly inbound: number
  readonly appPort: number
  /** Heads that the application got. */
  readonly seen: string[]
  readonly set: (...objects: readonly ModelObject[]) => void
  /** Sends bytes to the sidecar. */
  readonly send: (bytes: string) => Promise<string>
  readonly close: () => void
}

export async function guardApp(mesh: ModelObject): Promise<GuardedApp> {
  const seen: string[] = []
  const app = await rawServer(
    respondWith((head) => {
      seen.push(head)
      return ok('fine')
    }),
  )
  const proxy = createTestProxy({
    role: 'sidecar',
    network: createPlainNetwork({ originalDestination: () => ({ address: '127.0.0.1', port: app.port }) }),
    ports: { outbound: 0, inbound: 0 },
    node: { ...createTestProxy().node, role: 'sidecar' },
  })
  await proxy.start()
  proxy.accept(changesOf([mesh]))
  const inbound = proxy.sidecar?.ports().inbound ?? 0
  return {
    proxy,
    inbound,
    appPort: app.port,
    seen,
    set: (...objects) => {
      const rejected = proxy.accept(changesOf(objects))
      if (rejected.length > 0) throw new Error(JSON.stringify(rejected))
    },
    send: (bytes) => exchangeBytes(inbound, bytes),
    close() {
      proxy.close()
      app.close()
    },
  }
}

export function getRequest(path: string, ...lines: readonly string[]): string {
  return requestTo('GET', path, ...lines)
}

export function requestTo(method: string, path: string, ...lines: readonly string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: app.demo', 'Connection: close', ...lines, '', ''].join('\r\n')
}

export function policyOf(
  name: string,
  action: AuthorizationAction,
  rules: readonly Partial<AuthorizationRule>[],
  more: Partial<AuthorizationPolicy> = {},
): AuthorizationPolicy {
  const origin = { kind: 'AuthorizationPolicy', namespace: 'demo', name }
  return {
    type: 'authorization-policy',
    key: authorizationPolicyName(origin),
    scope: { namespace: 'demo', labels: {} },
    action,
    isDryRun: false,
    rules: rules.map((rule) => ({ from: [], to: [], when: [], ...rule })),
    origin,
    ...more,
  }
}

export function one(
  kind: PlainAttribute,
  values: readonly string[],
  notValues: readonly string[] = [],
): AuthorizationCondition {
  return { attribute: { kind }, values, notValues }
}
