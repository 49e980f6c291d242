/** Kubernetes as its users know it: what controllers and the cluster's names do, seen through the real kubectl. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { promises as dns } from 'node:dns'
import { after, before, test } from 'node:test'
import { KUBECTL, rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'
import { WEB } from '../support/web.ts'

let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  cluster = await startCluster()
  kubectl = cluster.kubectl
  await kubectl('apply -f -', { input: WEB })
  await kubectl('rollout status deployment/web --timeout=30s')
})
after(() => cluster.stop())

test('a Deployment is scaled, paused, resumed and taken back to a revision by its number', async () => {
  await kubectl('scale deployment/web --replicas=3')
  await kubectl('rollout status deployment/web --timeout=30s')
  assert.match(await kubectl('get deployment web --no-headers'), /^web\s+3\/3\s+3\s+3\s/)

  await kubectl('rollout pause deployment/web')
  await kubectl('set env deployment/web TEXT=second')
  await kubectl('annotate deployment/web kubernetes.io/change-cause=two')
  assert.equal(rows(await kubectl('get replicasets -l app=web')).length, 1)
  await kubectl('rollout resume deployment/web')
  await kubectl('rollout status deployment/web --timeout=30s')
  assert.match(await kubectl('rollout history deployment/web'), /^1\s+<none>\n2\s+two$/m)

  await kubectl('set env deployment/web TEXT=third')
  await kubectl('rollout status deployment/web --timeout=30s')
  await kubectl('rollout undo deployment/web --to-revision=1')
  await kubectl('rollout status deployment/web --timeout=30s')
  const revisions = rows(await kubectl('rollout history deployment/web')).map((row) => row[0])
  assert.deepEqual(revisions.slice(-3), ['2', '3', '4'])
  await kubectl('scale deployment/web --replicas=2')
  await kubectl('rollout status deployment/web --timeout=30s')
})

test('get --watch tells every change in a row of its own, and that the object is gone', async () => {
  await kubectl(`create deployment seen --image=alpine --replicas=0 -- ${UNTIL_TERMINATED}`)
  const line = ['get', 'deployment', 'seen', '--watch', '--no-headers', '--output-watch-events']
  const child = spawn(KUBECTL, line, { env: { ...process.env, KUBECONFIG: cluster.kubeconfig } })
  let told = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  await waitFor('the first row', () => told.startsWith('ADDED'))
  await kubectl('scale deployment/seen --replicas=2')
  await kubectl('rollout status deployment/seen --timeout=30s')
  await kubectl('delete deployment seen --cascade=foreground --timeout=30s')
  await waitFor('the last row', () => told.includes('\nDELETED'))
  child.kill('SIGTERM')
  const events = rows(told).map((row) => row.slice(0, 3).join(' '))
  assert.equal(events[0], 'ADDED seen 0/0')
  assert.ok(events.includes('MODIFIED seen 0/2') && events.includes('MODIFIED seen 2/2'), events.join('\n'))
})

test('a rollout that cannot go on leaves the old version at work, and kubectl says that it failed', async () => {
  await kubectl(`patch deployment web -p '{"spec":{"progressDeadlineSeconds":2}}'`)
  await kubectl('set env deployment/web READY=no')
  const status = await cluster.tryKubectl('rollout status deployment/web --timeout=30s')
  assert.equal(status.status, 1)
  assert.match(status.stderr, /exceeded its progress deadline/)
  const ready = rows(await kubectl('get pods -l app=web')).filter((row) => row[1] === '1/1')
  assert.equal(ready.length, 2)
  await kubectl('rollout undo deployment/web')
  await kubectl('rollout status deployment/web --timeout=30s')
})

test('names of Services lead a pod to them: short, with namespace, in full, headless and by alias', async () => {
  await kubectl('apply -f -', { input: NAMES })
  await kubectl('wait pod/asks --for=jsonpath={.status.phase}=Succeeded --timeout=60s')
  const log = await kubectl('logs asks')
  const web = await kubectl('get service web -o jsonpath={.spec.clusterIP}')
  const ready = '{.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}'
  const slices = await kubectl(`get endpointslices -l kubernetes.io/service-name=webs -o jsonpath=${ready}`)
  const pods = slices.split(' ').sort().join(',')
  assert.match(log, new RegExp(`^short=${web}$`, 'm'))
  assert.match(log, new RegExp(`^dotted=${web}$`, 'm'))
  assert.match(log, new RegExp(`^full=${web}$`, 'm'))
  assert.match(log, new RegExp(`^alias=${web}$`, 'm'))
  assert.match(log, new RegExp(`^headless=${pods}$`, 'm'))
  assert.match(log, /^reverse=web\.default\.svc\.cluster\.local$/m)
  assert.match(log, /^missing=$/m)
})

test('the cluster’s names are answered while the API server is away', async () => {
  const web = await kubectl('get service web -o jsonpath={.spec.clusterIP}')
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers(['10.43.0.10'])
  const ask = () => resolver.resolve4('web.default.svc.cluster.local')
  assert.deepEqual(await ask(), [web])
  const pid = /api-server\s+runs \(pid (\d+)\)/.exec((await cluster.lateen('status')).stdout)?.[1]
  process.kill(Number(pid), 'SIGKILL')
  assert.deepEqual(await ask(), [web])
  await waitFor('the API server to be back', async () => (await cluster.tryKubectl('get nodes')).status === 0)
  await kubectl('create service clusterip reborn --tcp=80:80')
  await waitFor(
    'the new name',
    async () => (await resolver.resolve4('reborn.default.svc.cluster.local')).length,
  )
})

test('a Service of type LoadBalancer has an address that answers, and node ports', async () => {
  await kubectl('expose deployment web --name=public --type=LoadBalancer --port=80 --target-port=http')
  const address = await waitFor('an address', () =>
    kubectl('get service public -o jsonpath={.status.loadBalancer.ingress[0].ip}'),
  )
  assert.match(address, /^10\.44\.0\./)
  await waitFor('an answer', async () => (await curl(`http://${address}/`)) === 'first')
  const port = await kubectl('get service public -o jsonpath={.spec.ports[0].nodePort}')
  assert.equal(await curl(`http://10.42.0.1:${port}/`), 'first')
})

test('an autoscaler’s row has figures', async () => {
  await kubectl('set resources deployment/web --requests=cpu=100m')
  await kubectl('rollout status deployment/web --timeout=30s')
  await kubectl('autoscale deployment web --cpu=80% --min=2 --max=4')
  const row = await waitFor('figures', async () => {
    const [found] = rows(await kubectl('get hpa web'))
    return found?.[2]?.includes('unknown') ? undefined : found
  })
  assert.deepEqual(row.slice(0, 2), ['web', 'Deployment/web'])
  assert.match(row[2] ?? '', /^cpu: \d+%\/80%$/)
  assert.deepEqual(row.slice(3, 6), ['2', '4', '2'])
})

test('deleting follows owners in the background, in the foreground, or leaves orphans', async () => {
  for (const name of ['a', 'b', 'c']) {
    await kubectl(`create deployment ${name} --image=alpine --replicas=1 -- ${UNTIL_TERMINATED}`)
    await kubectl(`rollout status deployment/${name} --timeout=30s`)
  }
  await kubectl('delete deployment a --cascade=background')
  await kubectl('delete deployment b --cascade=foreground --timeout=60s')
  assert.equal(await kubectl('get replicasets -l app=b -o name'), '')
  await kubectl('delete deployment c --cascade=orphan')
  await waitFor('a to be gone', async () => (await kubectl('get replicasets -l app=a -o name')) === '')
  assert.match(await kubectl('get replicasets -l app=c --no-headers'), /\s1\s+1\s+1\s/)
  await kubectl('delete replicaset -l app=c')
})

test('a deleted namespace takes everything in it along and can be made again', async () => {
  for (const _ of ['once', 'again']) {
    await kubectl('create namespace shop')
    await waitFor('its furniture', async () => {
      const found = await kubectl('get serviceaccount,configmap -n shop -o name')
      return /serviceaccount\/default/.test(found) && /configmap\/kube-root-ca.crt/.test(found)
    })
    await kubectl('apply -n shop -f -', { input: WEB })
    await kubectl('rollout status deployment/web -n shop --timeout=30s')
    await kubectl('delete namespace shop --timeout=60s')
    assert.equal((await cluster.tryKubectl('get namespace shop')).status, 1)
  }
})

async function curl(url: string): Promise<string> {
  return (await runCommand('curl', ['-s', '--max-time', '5', url])).stdout.trim()
}

/** A shell that heeds SIGTERM: a bare `sleep` as the first process of its container would not. */
const UNTIL_TERMINATED = `sh -c 'trap "exit 0" TERM; sleep 3600 & wait'`

const NAMES = `
apiVersion: v1
kind: Service
metadata: { name: webs }
spec: { clusterIP: None, selector: { app: web }, ports: [{ port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { type: ExternalName, externalName: web.default.svc.cluster.local }
---
apiVersion: v1
kind: Pod
metadata: { name: asks }
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: alpine
      command: [python3, -c]
      args:
        - |
          import socket
          def ask(name):
              try: return ",".join(sorted(socket.gethostbyname_ex(name)[2]))
              except OSError: return ""
          print("short=" + ask("web"))
          print("dotted=" + ask("web.default"))
          print("full=" + ask("web.default.svc.cluster.local"))
          print("headless=" + ask("webs"))
          print("alias=" + ask("shop"))
          print("missing=" + ask("nobody"))
          print("reverse=" + socket.gethostbyaddr(ask("web"))[0])
`
