import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from 'dns-packet'
import type { EndpointSlice, Service } from '../../kube/index.ts'
import { parseIpv4Cidr, parseIpv6Cidr } from '../../base/index.ts'
import { answerQuestion, type DnsAnswer, type DnsZones } from './answer.ts'
import { createDnsView, type MutableDnsView } from './view.ts'

const zones: DnsZones = {
  domain: 'cluster.local',
  serverAddress: '10.43.0.10',
  ranges6: ['fd00:10:42::/112', 'fd00:10:43::/112'].flatMap((text) => parseIpv6Cidr(text) ?? []),
  ranges: ['10.42.0.0/16', '10.43.0.0/16', '10.44.0.0/24'].flatMap((text) => parseIpv4Cidr(text) ?? []),
}

function service(name: string, spec: Service['spec']): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec }
}

function slice(
  name: string,
  ofService: string,
  endpoints: NonNullable<EndpointSlice['endpoints']>,
  ports: NonNullable<EndpointSlice['ports']> = [{ name: 'http', port: 8080, protocol: 'TCP' }],
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': ofService } },
    addressType: 'IPv4',
    endpoints,
    ports,
  }
}

function sampleView(): MutableDnsView {
  const view = createDnsView()
  const http = { name: 'http', port: 80, protocol: 'TCP' } as const
  const services = [
    service('web', { clusterIP: '10.43.0.7', ports: [http, { name: 'dns', port: 53, protocol: 'UDP' }] }),
    service('db', { clusterIP: 'None', ports: [http] }),
    service('empty', { clusterIP: 'None', ports: [http] }),
    service('mail', { type: 'ExternalName', externalName: 'Mail.Example.com.' }),
    service('number', { type: 'ExternalName', externalName: '192.0.2.1' }),
    service('both', { clusterIP: '10.43.0.9', clusterIPs: ['10.43.0.9', 'fd00:10:43::9'], ports: [http] }),
    service('pair', { clusterIP: 'None', ports: [http] }),
    service('bare', { clusterIP: '10.43.0.8' }),
  ]
  for (const one of services) view.setService(`shop/${one.metadata.name}`, one)
  view.changeSlice({ after: slice('web-1', 'web', [{ addresses: ['10.42.0.5'] }]) })
  view.changeSlice({ after: slice('pair-1', 'pair', [{ addresses: ['10.42.0.11'], hostname: 'p-0' }]) })
  view.changeSlice({
    after: {
      ...slice('pair-2', 'pair', [{ addresses: ['fd00:10:42::b'], hostname: 'p-0' }]),
      addressType: 'IPv6',
    },
  })
  view.changeSlice({
    after: slice('db-1', 'db', [
      { addresses: ['10.42.0.6'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.42.0.8'], conditions: { ready: true } },
      { addresses: ['10.42.0.9'], hostname: 'db-9', conditions: { ready: false } },
    ]),
  })
  view.changeSlice({
    after: slice('empty-1', 'empty', [{ addresses: ['10.42.0.10'], conditions: { ready: false } }]),
  })
  return view
}

/** An answer as one line: `A 10.43.0.7`, `SRV 80 target +additionals`, or its kind. */
function brief(answer: DnsAnswer): readonly string[] {
  switch (answer.kind) {
    case 'records':
      return [
        ...answer.answers.map((record) => `${record.type} ${dataOf(record)}`),
        ...answer.additionals.map((record) => `+${record.type} ${record.name} ${dataOf(record)}`),
      ]
    case 'alias':
      return [`alias ${answer.target}`]
    default:
      return [answer.kind]
  }
}

function dataOf(record: Answer): string {
  if (record.type === 'SRV') return `${record.data.port} ${record.data.target} w${record.data.weight ?? 0}`
  if (record.type === 'SOA') return record.data.mname
  return 'data' in record && typeof record.data === 'string' ? record.data : ''
}

function reversed(digits: string): string {
  return `${digits.split('').toReversed().join('.')}.ip6.arpa`
}

const S = 'shop.svc.cluster.local'
const CASES: readonly (readonly [type: string, name: string, expected: readonly string[]])[] = [
  ['A', `web.${S}`, ['A 10.43.0.7']],
  ['A', `WEB.Shop.svc.Cluster.LOCAL.`, ['A 10.43.0.7']],
  ['AAAA', `web.${S}`, ['no-data']],
  ['MX', `web.${S}`, ['no-data']],
  ['ANY', `web.${S}`, ['A 10.43.0.7']],
  ['SRV', `web.${S}`, [`SRV 80 web.${S} w50`, `SRV 53 web.${S} w50`, `+A web.${S} 10.43.0.7`]],
  ['SRV', `_http._tcp.web.${S}`, [`SRV 80 web.${S} w100`, `+A web.${S} 10.43.0.7`]],
  ['SRV', `_http._udp.web.${S}`, ['no-name']],
  ['A', `_http._tcp.web.${S}`, ['no-data']],
  ['A', `_tcp.web.${S}`, ['no-data']],
  ['A', `_sctp.web.${S}`, ['no-name']],
  ['A', `10-42-0-5.web.${S}`, ['A 10.42.0.5']],
  ['A', `both.${S}`, ['A 10.43.0.9']],
  ['AAAA', `both.${S}`, ['AAAA fd00:10:43::9']],
  ['AAAA', `pair.${S}`, ['AAAA fd00:10:42::b']],
  ['AAAA', `p-0.pair.${S}`, ['AAAA fd00:10:42::b']],
  ['AAAA', 'fd00-10-42--b.shop.pod.cluster.local', ['AAAA fd00:10:42::b']],
  ['A', 'fd00-10-42--b.shop.pod.cluster.local', ['no-data']],
  ['PTR', reversed('fd000010004300000000000000000077'), ['no-name']],
  ['PTR', reversed('fd000010004300000000000000000009'), [`PTR both.${S}`]],
  ['PTR', reversed('fd00001000420000000000000000000b'), [`PTR p-0.pair.${S}`]],
  ['PTR', reversed('fd000010004200000000000000000'), ['no-data']],
  ['PTR', reversed('20010db8000000000000000000000001'), ['foreign']],
  ['A', `db.${S}`, ['A 10.42.0.6', 'A 10.42.0.8']],
  ['A', `db-0.db.${S}`, ['A 10.42.0.6']],
  ['A', `10-42-0-8.db.${S}`, ['A 10.42.0.8']],
  ['A', `db-9.db.${S}`, ['no-name']],
  ['AAAA', `db-0.db.${S}`, ['no-data']],
  [
    'SRV',
    `_http._tcp.db.${S}`,
    [
      `SRV 8080 db-0.db.${S} w50`,
      `SRV 8080 10-42-0-8.db.${S} w50`,
      `+A db-0.db.${S} 10.42.0.6`,
      `+A 10-42-0-8.db.${S} 10.42.0.8`,
    ],
  ],
  ['A', `empty.${S}`, ['no-name']],
  ['A', `mail.${S}`, ['alias mail.example.com']],
  ['CNAME', `mail.${S}`, ['CNAME mail.example.com']],
  ['A', `number.${S}`, ['no-data']],
  ['SRV', `bare.${S}`, ['no-data']],
  ['A', `missing.${S}`, ['no-name']],
  ['A', `web.other.svc.cluster.local`, ['no-name']],
  ['A', `a.b.c.web.${S}`, ['no-name']],
  ['A', `${S}.${S}`, ['no-name']],
  ['A', S, ['no-data']],
  ['A', 'other.svc.cluster.local', ['no-name']],
  ['A', 'svc.cluster.local', ['no-data']],
  ['A', '10-42-0-77.shop.pod.cluster.local', ['A 10.42.0.77']],
  ['AAAA', '10-42-0-77.shop.pod.cluster.local', ['no-data']],
  ['A', '10-42-0-777.shop.pod.cluster.local', ['no-name']],
  ['A', 'shop.pod.cluster.local', ['no-data']],
  ['A', 'ns.dns.cluster.local', ['A 10.43.0.10']],
  ['TXT', 'dns-version.cluster.local', ['TXT 1.1.0']],
  ['SOA', 'cluster.local', ['SOA ns.dns.cluster.local']],
  ['NS', 'cluster.local', ['NS ns.dns.cluster.local', '+A ns.dns.cluster.local 10.43.0.10']],
  ['A', 'nothing.cluster.local', ['no-name']],
  ['PTR', '7.0.43.10.in-addr.arpa', [`PTR web.${S}`]],
  ['PTR', '6.0.42.10.in-addr.arpa', [`PTR db-0.db.${S}`]],
  ['PTR', '9.0.42.10.in-addr.arpa', ['no-name']],
  ['PTR', '0.43.10.in-addr.arpa', ['no-data']],
  ['A', '7.0.43.10.in-addr.arpa', ['no-data']],
  ['PTR', '8.8.8.8.in-addr.arpa', ['foreign']],
  ['A', 'example.com', ['foreign']],
  ['A', 'mycluster.local', ['foreign']],
]

for (const [type, name, expected] of CASES) {
  test(`${type} ${name} is answered with ${expected.join(', ')}`, () => {
    assert.deepEqual(brief(answerQuestion({ name, type }, sampleView(), zones)), expected)
  })
}

test('an answer repeats the name as the client wrote it', () => {
  const answer = answerQuestion({ name: 'WeB.shop.svc.cluster.local', type: 'A' }, sampleView(), zones)
  assert.equal(answer.kind === 'records' ? answer.answers[0]?.name : undefined, 'WeB.shop.svc.cluster.local')
})

test('the view forgets addresses, slices and namespaces that have gone', () => {
  const view = sampleView()
  const db = (name: string, type = 'A') => brief(answerQuestion({ name, type }, view, zones))
  const before = slice('db-1', 'db', [{ addresses: ['10.42.0.6'], hostname: 'db-0' }])
  view.changeSlice({ before, after: slice('db-1', 'db', [{ addresses: ['10.42.0.66'], hostname: 'db-0' }]) })
  assert.deepEqual(db(`db.${S}`), ['A 10.42.0.66'])
  assert.deepEqual(db('6.0.42.10.in-addr.arpa', 'PTR'), ['no-name'])
  for (const name of ['web', 'db', 'empty', 'mail', 'number', 'both', 'pair', 'bare'])
    view.setService(`shop/${name}`, undefined)
  assert.deepEqual(db(S), ['no-name'])
  assert.deepEqual(db('66.0.42.10.in-addr.arpa', 'PTR'), ['no-name'])
})

test('a slice that comes before its Service counts once the Service is there', () => {
  const view = createDnsView()
  view.changeSlice({ after: slice('late-1', 'late', [{ addresses: ['10.42.0.3'] }]) })
  view.setService('shop/late', service('late', { clusterIP: 'None' }))
  assert.deepEqual(brief(answerQuestion({ name: `late.${S}`, type: 'A' }, view, zones)), ['A 10.42.0.3'])
})
