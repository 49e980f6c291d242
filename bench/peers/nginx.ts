import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { isInstalled } from '../../scripts/run.ts'
import { type Hop, hostOf, type Peer, prefixOf, regexOf, SERVER_NAME } from './hop.ts'

export const nginx: Peer = {
  name: 'nginx',
  missing: () => (isInstalled('nginx') ? undefined : 'nginx (apt-get install -y nginx)'),
  version: () => execFileSync('sh', ['-c', 'nginx -v 2>&1']).toString().trim().split('/')[1] ?? '',
  configure(hop, write) {
    if (hop.speaks === 'http2') return undefined // only gRPC goes upstream in HTTP/2
    if (hop.authorizes === true) return undefined // it does not read the names of a client's certificate
    const text = hop.accepts === 'tcp' ? streamText(hop) : httpText(hop)
    const file = write(`nginx-${hop.listen}.conf`, text)
    return { program: 'nginx', args: ['-c', file, '-p', dirname(file)] }
  },
}

/** What stands before `http` in every file, the server's too. */
export function preamble(name: string, workers: number, modules = ''): string {
  return `${modules}worker_processes ${workers}; daemon off; pid ${name}.pid; error_log ${name}.err error;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
`
}

const STREAM_MODULE = 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n'

/** On Debian the module comes with a package of its own. */
function streamText({ listen, upstream, workers }: Hop): string {
  return `${preamble(`nginx-${listen}`, workers, STREAM_MODULE)}stream {
  server { listen 127.0.0.1:${listen} backlog=4096; proxy_pass 127.0.0.1:${upstream}; }
}
`
}

function httpText(hop: Hop): string {
  const { listen, upstream, routes } = hop
  const pass = passText(hop)
  const directives = `listen 127.0.0.1:${listen}${listenWords(hop)}`
  const locations: string[] = []
  const servers: string[] = []
  for (let i = 0; i < (routes?.count ?? 0); i++) {
    if (routes?.kind === 'hosts')
      servers.push(`  server { ${directives}; server_name ${hostOf(i)}; location / { ${pass} } }\n`)
    else if (routes?.kind === 'prefixes') locations.push(`    location ${prefixOf(i)} { ${pass} }\n`)
    else locations.push(`    location ~ ^${regexOf(i)}$ { ${pass} }\n`)
  }
  return `${preamble(`nginx-${listen}`, hop.workers)}http {
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000000; server_names_hash_max_size 16384;
  http2_max_concurrent_streams 256; client_max_body_size 0; client_body_buffer_size 64k;
  proxy_buffers 32 32k; proxy_buffer_size 16k; proxy_busy_buffers_size 256k; proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  upstream up { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 600s; }
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    ${directives} backlog=4096;
${serverTls(hop)}${locations.join('')}    location / { ${pass} }
  }
${servers.join('')}}
`
}

function listenWords({ accepts, workers }: Hop): string {
  const words = accepts === 'http2' ? ' http2' : accepts === 'mtls' ? ' ssl' : ''
  return workers > 1 ? `${words} reuseport` : words
}

function serverTls({ accepts, identities }: Hop): string {
  if (accepts !== 'mtls') return ''
  const { server, authority } = identities
  return `    ssl_protocols TLSv1.3; ssl_certificate ${server.certificate}; ssl_certificate_key ${server.key};
    ssl_client_certificate ${authority}; ssl_verify_client on;
`
}

function passText({ speaks, identities }: Hop): string {
  if (speaks === 'grpc')
    return 'grpc_pass grpc://up; grpc_set_header X-Forwarded-For $remote_addr; grpc_set_header X-Request-ID $request_id;'
  const headers = `proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-ID $request_id;`
  if (speaks !== 'mtls') return `proxy_pass http://up; ${headers}`
  const { client, authority } = identities
  return `proxy_pass https://up; ${headers} proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse on;
      proxy_ssl_certificate ${client.certificate}; proxy_ssl_certificate_key ${client.key};
      proxy_ssl_trusted_certificate ${authority}; proxy_ssl_verify on; proxy_ssl_name ${SERVER_NAME}; proxy_ssl_server_name on;`
}
