import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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

/** What is published: the sources would keep the compiler that strips their types in memory. */
const MAIN = join(REPOSITORY, 'dist/cli/main.js')

/** What a user of `bin/lateen serve` gets: all filters, metrics, and the access log. */
export const lateen: Peer = {
  name: 'Lateen',
  missing: () => undefined,
  version() {
    const revision = execFileSync('git', ['-C', REPOSITORY, 'rev-parse', '--short', 'HEAD']).toString().trim()
    return `${revision} on Node ${process.version}`
  },
  configure(hop, write) {
    if (hop.workers > 1 && !knowsWorkers()) return undefined
    const workers = hop.workers > 1 ? ['--concurrency', String(hop.workers)] : []
    const file = write(`lateen-${hop.listen}.yaml`, text(hop))
    return {
      program: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        '--max-semi-space-size=4',
        MAIN,
        'serve',
        ...workers,
        '--address',
        '127.0.0.1',
        '--access-log',
        '--admin-port',
        '0',
        file,
      ],
    }
  },
}

let workersKnown: boolean | undefined
function knowsWorkers(): boolean {
  workersKnown ??= execFileSync(process.execPath, [MAIN, 'serve', '--help'], { stdio: 'pipe' })
    .toString()
    .includes('--concurrency')
  return workersKnown
}

function text(hop: Hop): string {
  const { listen, upstream, accepts, speaks, identities } = hop
  const tls =
    accepts === 'mtls' ? ', tls: { mode: MUTUAL, credentialName: server, minProtocolVersion: TLSV1_3 }' : ''
  const protocol = { http1: 'HTTP', http2: 'HTTP2', mtls: 'HTTPS', tcp: 'TCP' }[accepts]
  const upstreamProtocol = { http1: 'HTTP', http2: 'HTTP2', grpc: 'GRPC', mtls: 'HTTP', tcp: 'TCP' }[speaks]
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - { port: { number: ${listen}, name: down, protocol: ${protocol} }, hosts: ['*']${tls} }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: up }
spec:
  hosts: [up.example]
  resolution: STATIC
  ports: [{ number: 80, name: up, protocol: ${upstreamProtocol} }]
  endpoints: [{ address: 127.0.0.1, ports: { up: ${upstream} } }]
---
${accepts === 'tcp' ? tcpRoute(listen) : httpRoutes(hop.routes)}${accepts === 'mtls' ? serverSecret(identities) : ''}${
    speaks === 'mtls' ? destinationRule(identities) : ''
  }${hop.authorizes === true ? AUTHORIZATION : ''}`
}

const AUTHORIZATION = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: reads }
spec:
  action: ALLOW
  rules:
    - from: [{ source: { principals: ['${CLIENT_URI.slice('spiffe://'.length)}'] } }]
      to: [{ operation: { methods: [GET] } }]
`

const DESTINATION = 'route: [{ destination: { host: up.example } }]'

function tcpRoute(port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all }
spec: { hosts: ['*'], gateways: [edge], tcp: [{ match: [{ port: ${port} }], ${DESTINATION} }] }
`
}

function httpRoutes(routes: Hop['routes']): string {
  const indexes = Array.from({ length: routes?.count ?? 0 }, (_, i) => i)
  if (routes?.kind === 'hosts')
    return [
      virtualService('all', '*', [`{ ${DESTINATION} }`]),
      ...indexes.map((i) => virtualService(`host-${i}`, hostOf(i), [`{ ${DESTINATION} }`])),
    ].join('---\n')
  const uri = (i: number) =>
    routes?.kind === 'regexes' ? `{ regex: '${regexOf(i)}' }` : `{ prefix: ${prefixOf(i)} }`
  const rules = indexes.map((i) => `{ match: [{ uri: ${uri(i)} }], ${DESTINATION} }`)
  return virtualService('all', '*', [...rules, `{ ${DESTINATION} }`])
}

function virtualService(name: string, host: string, rules: readonly string[]): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: ['${host}']
  gateways: [edge]
  http:
${rules.map((rule) => `    - ${rule}\n`).join('')}`
}

function serverSecret({ server, authority }: Identities): string {
  return secret('server', server, authority)
}

function destinationRule({ client, authority }: Identities): string {
  return `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: up }
spec:
  host: up.example
  trafficPolicy:
    tls: { mode: MUTUAL, credentialName: client, sni: ${SERVER_NAME}, subjectAltNames: ['${SERVER_URI}'] }
${secret('client', client, authority)}`
}

function secret(name: string, { certificate, key }: Identities['server'], authority: string): string {
  const indented = (file: string) => readFileSync(file, 'utf8').trim().replaceAll('\n', '\n    ')
  return `---
apiVersion: v1
kind: Secret
metadata: { name: ${name} }
type: kubernetes.io/tls
stringData:
  tls.crt: |
    ${indented(certificate)}
  tls.key: |
    ${indented(key)}
  ca.crt: |
    ${indented(authority)}
`
}
