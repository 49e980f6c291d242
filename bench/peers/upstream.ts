import { join } from 'node:path'
import type { Command, Identities } from './hop.ts'
import { preamble } from './nginx.ts'

/** The servers behind the proxies, each as cheap as there is one. */
export type Server = 'plain' | 'mtls' | 'http2' | 'grpc' | 'websocket' | 'grpc-stream' | 'upload'

const FIRST_PORT = 19_000
export const SERVER_PORTS: Readonly<Record<Server, number>> = {
  plain: FIRST_PORT,
  mtls: FIRST_PORT + 1,
  http2: FIRST_PORT + 2,
  grpc: FIRST_PORT + 3,
  websocket: FIRST_PORT + 4,
  'grpc-stream': FIRST_PORT + 5,
  upload: FIRST_PORT + 6,
}

/** The large bodies: paths that nginx serves from files. */
export const BODIES = { '64k': 64 * 1024, '1m': 1024 * 1024 } as const
export const GRPC_PATH = '/bench.Echo/Unary.grpc'
/** A message of 100 bytes behind gRPC's five. */
export const GRPC_MESSAGE = `\0\0\0\0\x64${'x'.repeat(100)}`

const ECHO_SERVER = join(import.meta.dirname, 'echo-server.ts')

/** @param write puts a file beside the others, @returns what to start for this server */
export function serverCommand(
  server: Server,
  identities: Identities,
  write: (name: string, text: string) => string,
): Command {
  switch (server) {
    case 'grpc': {
      const mime = write('mime.types', 'application/grpc grpc\n')
      const file = write(`www${GRPC_PATH}`, GRPC_MESSAGE)
      const root = file.slice(0, -GRPC_PATH.length)
      const options = ['--no-tls', '-a', '127.0.0.1', '-d', root, '--mime-types-file', mime]
      return {
        program: 'nghttpd',
        args: [...options, '--trailer', 'grpc-status: 0', String(SERVER_PORTS.grpc)],
      }
    }
    case 'websocket':
    case 'grpc-stream':
    case 'upload':
      return { program: process.execPath, args: [ECHO_SERVER, server, String(SERVER_PORTS[server])] }
    default: {
      for (const [name, size] of Object.entries(BODIES)) write(`bodies/${name}`, 'x'.repeat(size))
      const file = write('upstream.conf', '')
      write('upstream.conf', nginxServers(file.slice(0, -'/upstream.conf'.length), identities))
      return { program: 'nginx', args: ['-c', file] }
    }
  }
}

/** 1 KB from memory, kept connections. */
function nginxServers(directory: string, { server, authority }: Identities): string {
  const locations = `root ${directory}/bodies; location / { return 200 "${'x'.repeat(1024)}"; }
    location = /64k { } location = /1m { }`
  return `${preamble(`${directory}/upstream`, 1)}http {
  access_log off; default_type text/plain; keepalive_timeout 600s; keepalive_requests 1000000000;
  sendfile on; open_file_cache max=10; http2_max_concurrent_streams 256;
  server { listen 127.0.0.1:${SERVER_PORTS.plain} backlog=4096; ${locations} }
  server { listen 127.0.0.1:${SERVER_PORTS.http2} http2 backlog=4096; ${locations} }
  server {
    listen 127.0.0.1:${SERVER_PORTS.mtls} ssl backlog=4096; ssl_protocols TLSv1.3;
    ssl_certificate ${server.certificate}; ssl_certificate_key ${server.key};
    ssl_client_certificate ${authority}; ssl_verify_client on;
    ${locations}
  }
}
`
}
