/** How each proxy is told to pass everything to one server: what a gateway of Istio does, as near as each comes to it. */

export interface Ports {
  readonly listen: number
  readonly upstream: number
}

/** 1 KB from memory, kept connections. */
export function upstreamConfiguration(port: number, directory: string): string {
  return `worker_processes 1; daemon off; pid ${directory}/upstream.pid; error_log ${directory}/upstream.err error;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; default_type text/plain; keepalive_timeout 600s; keepalive_requests 1000000000;
  server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "${'x'.repeat(1024)}"; } }
}
`
}

export function nginxConfiguration({ listen, upstream }: Ports, directory: string): string {
  return `worker_processes 1; daemon off; pid ${directory}/nginx.pid; error_log ${directory}/nginx.err error;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000000;
  upstream up { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${listen} backlog=4096;
    location / {
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-ID $request_id;
    }
  }
  server {
    listen 127.0.0.1:${listen + 1} http2 backlog=4096; http2_max_requests 1000000000;
    location / {
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-ID $request_id;
    }
  }
}
`
}

export function haproxyConfiguration({ listen, upstream }: Ports): string {
  return `global
  nbthread 1
  maxconn 6000
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  http-reuse always
  option forwardfor
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-ID
frontend plain
  bind 127.0.0.1:${listen} backlog 4096
  default_backend up
frontend two
  bind 127.0.0.1:${listen + 1} proto h2 backlog 4096
  default_backend up
backend up
  server one 127.0.0.1:${upstream} pool-max-conn 512
`
}

const TYPE = 'type.googleapis.com/envoy.extensions'

/** With what istiod gives a gateway: filters, request ids, retries, circuit breakers, and its access log. */
export function envoyConfiguration({ listen, upstream }: Ports): string {
  const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const filter = (name: string, type: string) => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `${TYPE}.filters.http.${type}` },
  })
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'gateway',
    codec_type: 'AUTO',
    server_name: 'istio-envoy',
    generate_request_id: true,
    use_remote_address: true,
    normalize_path: true,
    stream_idle_timeout: '0s',
    forward_client_cert_details: 'SANITIZE_SET',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        typed_config: { '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`, path: '/dev/null' },
      },
    ],
    http_filters: [
      filter('grpc_stats', 'grpc_stats.v3.FilterConfig'),
      filter('fault', 'fault.v3.HTTPFault'),
      filter('cors', 'cors.v3.Cors'),
      filter('router', 'router.v3.Router'),
    ],
    route_config: {
      name: 'http.80',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              decorator: { operation: 'svc.default.svc.cluster.local:80/*' },
              route: {
                cluster: 'up',
                timeout: '0s',
                retry_policy: {
                  retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
                  num_retries: 2,
                  host_selection_retry_max_attempts: '5',
                },
              },
            },
          ],
        },
      ],
    },
  }
  const listener = (port: number) => ({
    name: `listener-${port}`,
    address: address(port),
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
    ],
  })
  return JSON.stringify({
    static_resources: {
      listeners: [listener(listen), listener(listen + 1)],
      clusters: [
        {
          name: 'up',
          type: 'STATIC',
          connect_timeout: '10s',
          lb_policy: 'LEAST_REQUEST',
          load_assignment: {
            cluster_name: 'up',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
          },
        },
      ],
    },
  })
}

/** What a user of `lateen serve` writes. @param hosts further hosts with a route each */
export function lateenConfiguration({ listen, upstream }: Ports, hosts = 0): string {
  const others = Array.from({ length: hosts }, (_, i) => virtualService(`host-${i}`, `host-${i}.example`))
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - { port: { number: ${listen}, name: http, protocol: HTTP }, hosts: ['*'] }
    - { port: { number: ${listen + 1}, name: http2, protocol: HTTP2 }, hosts: ['*'] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: up }
spec:
  hosts: [up.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${upstream} } }]
${[virtualService('all', '*'), ...others].join('')}`
}

function virtualService(name: string, host: string): string {
  return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: ['${host}'], gateways: [edge], http: [{ route: [{ destination: { host: up.example } }] }] }
`
}
