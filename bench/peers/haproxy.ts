import { execFileSync } from 'node:child_process'
import { isInstalled } from '../../scripts/run.ts'
import { type Hop, hostOf, type Peer, prefixOf, regexOf, SERVER_NAME } from './hop.ts'

export const haproxy: Peer = {
  name: 'HAProxy',
  missing: () => (isInstalled('haproxy') ? undefined : 'HAProxy (apt-get install -y haproxy)'),
  version: () => /version (\S+)/.exec(execFileSync('haproxy', ['-v']).toString())?.[1] ?? '',
  configure(hop, write) {
    if (hop.authorizes === true) return undefined // it does not read the names of a client's certificate
    const map = hop.routes && write(`haproxy-${hop.listen}.map`, mapText(hop.routes))
    return { program: 'haproxy', args: ['-f', write(`haproxy-${hop.listen}.cfg`, text(hop, map))] }
  },
}

function text(hop: Hop, map: string | undefined): string {
  const { listen, upstream, accepts, routes } = hop
  const http = accepts !== 'tcp'
  const options = `  http-reuse always
  option forwardfor
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-ID
`
  const lookUp: Readonly<Record<string, string>> = {
    hosts: 'req.hdr(host),field(1,:),lower,map',
    prefixes: 'path,map_beg',
    regexes: 'path,map_reg',
  }
  const choose = routes && map ? `  use_backend %[${lookUp[routes.kind]}(${map},up)]` : ''
  return `global
  nbthread ${hop.workers}
  maxconn 6000
defaults
  mode ${http ? 'http' : 'tcp'}
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
  timeout connect 5s
  timeout http-keep-alive 600s
${http ? options : ''}frontend down
  bind 127.0.0.1:${listen} ${bindWords(hop)}backlog 4096
${choose}
  default_backend up
backend up
  server one 127.0.0.1:${upstream} ${serverWords(hop)}
`
}

function bindWords({ accepts, identities }: Hop): string {
  if (accepts === 'http2') return 'proto h2 '
  if (accepts !== 'mtls') return ''
  const { server, authority } = identities
  return `ssl crt ${server.both} ca-file ${authority} verify required ssl-min-ver TLSv1.3 `
}

function serverWords({ speaks, identities }: Hop): string {
  if (speaks === 'tcp') return ''
  if (speaks === 'http2' || speaks === 'grpc') return 'proto h2 pool-max-conn 512'
  if (speaks !== 'mtls') return 'pool-max-conn 512'
  const { client, authority } = identities
  const verify = `ca-file ${authority} verify required sni str(${SERVER_NAME}) ssl-min-ver TLSv1.3`
  return `ssl crt ${client.both} ${verify} pool-max-conn 512`
}

function mapText({ kind, count }: NonNullable<Hop['routes']>): string {
  const key = kind === 'hosts' ? hostOf : kind === 'prefixes' ? prefixOf : (i: number) => `^${regexOf(i)}$`
  return Array.from({ length: count }, (_, i) => `${key(i)} up\n`).join('')
}
