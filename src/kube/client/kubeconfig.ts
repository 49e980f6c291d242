import { parse as parseYaml } from 'yaml'
import { type Clock, fail, ok, type Result } from '../../base/index.ts'
import type { HttpsTransportConfig } from './https-transport.ts'

export interface KubeconfigContext extends HttpsTransportConfig {
  readonly context: string
  readonly namespace: string
}

interface Named {
  readonly name?: string
  readonly [member: string]: unknown
}

/**
 * Reads one context of a kubeconfig: server, authority, client certificate or token.
 * @param readFile for certificates that are named by path; relative paths are its caller's business
 */
export function parseKubeconfig(
  text: string,
  options: { readonly context?: string; readonly readFile?: (path: string) => string } = {},
): Result<KubeconfigContext> {
  const refuse = (path: string, message: string) => fail([{ path, message }])
  let config: unknown
  try {
    config = parseYaml(text)
  } catch (error) {
    return refuse('', `the kubeconfig is not YAML: ${String(error)}`)
  }
  const context = options.context ?? textAt(config, 'current-context')
  if (context === undefined || context === '')
    return refuse('current-context', 'the kubeconfig names no current context')
  const chosen = memberOf(find(config, 'contexts', context), 'context')
  if (!chosen) return refuse('contexts', `there is no context "${context}"`)
  const clusterName = textAt(chosen, 'cluster') ?? ''
  const cluster = memberOf(find(config, 'clusters', clusterName), 'cluster')
  const server = textAt(cluster, 'server')
  if (server === undefined) return refuse('clusters', `there is no cluster "${clusterName}" with a server`)
  const user = memberOf(find(config, 'users', textAt(chosen, 'user') ?? ''), 'user')
  const pem = (from: unknown, member: string): string | undefined => {
    const data = textAt(from, `${member}-data`)
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8')
    const path = textAt(from, member)
    return path === undefined || path === '' ? undefined : options.readFile?.(path)
  }
  const token = textAt(user, 'token')
  return ok({
    context,
    namespace: textAt(chosen, 'namespace') ?? 'default',
    server,
    ...present('ca', pem(cluster, 'certificate-authority')),
    ...present('cert', pem(user, 'client-certificate')),
    ...present('key', pem(user, 'client-key')),
    ...present('serverName', textAt(cluster, 'tls-server-name')),
    ...(token === undefined ? {} : { token: () => token }),
    ...(memberOf(cluster, 'insecure-skip-tls-verify') === true ? { insecure: true } : {}),
  })
}

function present<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: string })
}

function find(config: unknown, list: string, name: string): Named | undefined {
  const entries = memberOf(config, list)
  return Array.isArray(entries)
    ? (entries as Named[]).find((entry) => memberOf(entry, 'name') === name)
    : undefined
}

function memberOf(value: unknown, member: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[member]
    : undefined
}

function textAt(value: unknown, member: string): string | undefined {
  const text = memberOf(value, member)
  return typeof text === 'string' ? text : undefined
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The token's file is renewed long before the old token ends; Kubernetes' own clients look once a minute. */
const TOKEN_KEPT_MS = 10_000

/**
 * How a pod reaches its own API server: the address from its environment, the authority and token from its files.
 * The token is read again every few seconds, since it is renewed in place.
 * @returns undefined outside a pod
 */
export function inClusterConfig(
  readFile: (path: string) => string,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Pick<Clock, 'monotonic'>,
): (HttpsTransportConfig & { readonly namespace: string }) | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST']
  const port = environment['KUBERNETES_SERVICE_PORT']
  if (!host || !port) return undefined
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: readFile(`${SERVICE_ACCOUNT}/ca.crt`),
    token: keptFor(TOKEN_KEPT_MS, clock, () => readFile(`${SERVICE_ACCOUNT}/token`).trim()),
    namespace: readFile(`${SERVICE_ACCOUNT}/namespace`).trim(),
  }
}

function keptFor(ms: number, clock: Pick<Clock, 'monotonic'>, read: () => string): () => string {
  let kept: { readonly value: string; readonly at: number } | undefined
  return () => {
    const now = clock.monotonic()
    if (kept === undefined || now - kept.at >= ms) kept = { value: read(), at: now }
    return kept.value
  }
}
