/** Where a peer listens and what it forwards to, both on loopback; `directory` is for its own files. */
export interface PeerPlace {
  readonly port: number
  readonly upstream: number
  readonly directory: string
}

/** As lenient as nginx can be made: fields with odd names go through, bodies are not collected first. */
export function nginxConfiguration({ port, upstream, directory }: PeerPlace): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log error;
events { worker_connections 1024; }
http {
  access_log off; ${folders.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  large_client_header_buffers 8 128k; client_max_body_size 0;
  ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;
  proxy_http_version 1.1; proxy_request_buffering off; proxy_buffer_size 128k; proxy_busy_buffers_size 256k;
  proxy_buffers 8 128k; proxy_set_header Connection ""; proxy_set_header Host $http_host;
  upstream recorder { server 127.0.0.1:${upstream}; keepalive 16; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://recorder; } }
}
`
}

export function haproxyConfiguration({ port, upstream }: PeerPlace): string {
  return `
global
  nbthread 1
  tune.bufsize 131072
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
  option http-keep-alive
  http-reuse always
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  server s 127.0.0.1:${upstream}
`
}

export function envoyConfiguration({ port, upstream }: PeerPlace): string {
  const address = (number: number): object => ({
    socket_address: { address: '127.0.0.1', port_value: number },
  })
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'peer',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http_protocol_options: { enable_trailers: true, accept_http_10: true },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '' }, route: { cluster: 'recorder', timeout: '20s' } }],
        },
      ],
    },
  }
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          name: 'peer',
          address: address(port),
          filter_chains: [
            {
              filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'recorder',
          type: 'STATIC',
          connect_timeout: '5s',
          load_assignment: {
            cluster_name: 'recorder',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
          },
        },
      ],
    },
  })
}
