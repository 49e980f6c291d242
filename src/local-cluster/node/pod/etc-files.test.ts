import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../../kube/index.ts'
import { type EtcOptions, hostsFile, resolvConf } from './etc-files.ts'

const options = (spec: Partial<Pod['spec']>): EtcOptions => ({
  pod: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n' },
    spec: { containers: [], ...spec },
  },
  podIps: ['10.42.0.2'],
  hostname: 'p',
  clusterDomain: 'cluster.local',
  dnsAddress: '10.43.0.10',
  hostResolvConf: 'nameserver 192.0.2.1\nsearch home\n',
  hostHosts: '127.0.0.1 localhost\n192.0.2.9 nas\n',
})

test('names are asked of the cluster first, unless the pod is in the machine’s network', () => {
  const cluster =
    'search n.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.43.0.10\noptions ndots:5\n'
  const machine = 'search home\nnameserver 192.0.2.1\n'
  assert.equal(resolvConf(options({})), cluster)
  assert.equal(resolvConf(options({ hostNetwork: true })), machine)
  assert.equal(resolvConf(options({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' })), cluster)
  assert.equal(resolvConf(options({ dnsPolicy: 'Default' })), machine)
})

test('what a pod adds to its policy comes behind, and replaces options of the same name', () => {
  const dnsConfig = {
    nameservers: ['192.0.2.2'],
    searches: ['x'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  }
  assert.equal(
    resolvConf(options({ dnsPolicy: 'None', dnsConfig })),
    'search x\nnameserver 192.0.2.2\noptions ndots:2 edns0\n',
  )
  assert.match(
    resolvConf(options({ dnsConfig })),
    /cluster\.local x\nnameserver 10\.43\.0\.10\nnameserver 192/,
  )
})

test('the hosts file has the pod’s own names and its aliases; the machine’s has them too', () => {
  const hostAliases = [{ ip: '1.2.3.4', hostnames: ['foo', 'bar'] }]
  const own = hostsFile(options({ subdomain: 'sub', hostAliases }))
  assert.match(
    own,
    /^10\.42\.0\.2\tp\.sub\.n\.svc\.cluster\.local\tp\n\n# Entries added by HostAliases\.\n1\.2\.3\.4\tfoo\tbar\n$/m,
  )
  const shared = hostsFile(options({ hostNetwork: true, hostAliases }))
  assert.match(
    shared,
    /^# Kubernetes-managed hosts file \(host network\)\.\n127\.0\.0\.1 localhost\n192\.0\.2\.9 nas\n\n#/,
  )
})
