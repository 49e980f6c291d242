/** Nothing that is edited, rolled or killed makes a request fail. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { ask } from '../../src/cli/demo/sampling.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { DEMO, installDemo } from '../support/demo.ts'
import { startLoad, type SteadyLoad } from '../support/load.ts'
import { waitFor } from '../support/wait.ts'

const PODS_OF_V1 = 'get pods -n demo -l app=backend,version=v1 -o jsonpath={.items[*].metadata.name}'
const KEPT_ANSWER_MS = 10_000

let cluster: TestCluster
let gateway = ''
let load: SteadyLoad | undefined

before(async () => {
  cluster = await startCluster()
  gateway = await installDemo(cluster)
  await cluster.kubectl('scale deployment backend-v1 backend-v2 -n demo --replicas=2')
  await cluster.kubectl('rollout status deployment/backend-v1 deployment/backend-v2 -n demo --timeout=60s')
  await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-weights-50-50.yaml -n demo`)
  await waitFor(
    'the route',
    async () => (await ask({ address: gateway, path: '/api/version' })).status === 200,
  )
})
after(() => cluster?.stop())
// A test that failed has not ended its load.
afterEach(() => load?.stop())

test('100 edits of the route fail no request', async () => {
  begin()
  for (let edit = 1; edit <= 100; edit++) {
    const weight = edit % 2 === 0 ? 90 : 10
    const patch = JSON.stringify([
      { op: 'replace', path: '/spec/rules/0/backendRefs/0/weight', value: weight },
      { op: 'replace', path: '/spec/rules/0/backendRefs/1/weight', value: 100 - weight },
    ])
    await cluster.kubectl(`patch httproute demo-app-weights -n demo --type=json -p '${patch}'`)
  }
  await expectNoFailure()
})

for (const replicas of [2, 1]) {
  test(`a rolling restart of a backend with a scale of ${replicas} fails no request`, async () => {
    await cluster.kubectl(`scale deployment backend-v1 -n demo --replicas=${replicas}`)
    await waitFor('the pods', async () => (await cluster.kubectl(PODS_OF_V1)).split(' ').length === replicas)
    begin()
    await cluster.kubectl('rollout restart deployment/backend-v1 -n demo')
    await cluster.kubectl('rollout status deployment/backend-v1 -n demo --timeout=90s')
    await waitFor(
      'the old pods to be gone',
      async () => (await cluster.kubectl(PODS_OF_V1)).split(' ').length === replicas,
    )
    await expectNoFailure()
  })
}

test('kill -9 of istiod fails no request, and edits are live again after it', async () => {
  begin()
  const before = await cluster.kubectl(
    'get pods -n istio-system -l app=istiod -o jsonpath={.items[0].status.containerStatuses[0].restartCount}',
  )
  await kill(await pidOfIstiod())
  await waitFor('istiod to be restarted and ready', async () => {
    const line = await cluster.kubectl(
      'get pods -n istio-system -l app=istiod -o jsonpath={.items[0].status.containerStatuses[0].restartCount}/{.items[0].status.containerStatuses[0].ready}',
    )
    return line === `${Number(before) + 1}/true`
  })
  await expectEditIsLive()
  await expectNoFailure()
})

test('kill -9 of the API server fails no request, loses nothing, and edits are live after it', async () => {
  begin()
  await cluster.kubectl('create configmap kept -n demo --from-literal=a=b')
  const pods = await cluster.kubectl('get pods -n demo -o name')
  await kill(recordedPid('api-server'))
  await waitFor(
    'the API server',
    async () => (await cluster.tryKubectl('get configmap kept -n demo')).status === 0,
  )
  assert.equal(await cluster.kubectl('get pods -n demo -o name'), pods)
  await expectEditIsLive()
  await expectNoFailure()
  const restarts = await cluster.kubectl(
    'get pods -n demo -o jsonpath={.items[*].status.containerStatuses[*].restartCount}',
  )
  assert.match(restarts, /^[0 ]+$/, 'the containers were adopted, not started again')
})

test('kill -9 of lateen up fails no request, and the next up picks everything up', async () => {
  begin()
  await kill(recordedPid('supervisor'))
  const up = await cluster.lateen('up')
  assert.equal(up.status, 0, up.stdout + up.stderr)
  await waitFor('the new supervisor', () => isRunning(recordedPid('supervisor')))
  await expectEditIsLive()
  await expectNoFailure()
})

test('a hot restart of the node proxy fails no request and is no restart of any container', async () => {
  const states = () =>
    cluster.kubectl(
      'get pods -A -o jsonpath={range.items[*]}{.metadata.name}{.status.containerStatuses[*].restartCount}{.status.containerStatuses[*].ready}{.status.containerStatuses[*].state.running.startedAt}{"\\n"}{end}',
    )
  const before = await states()
  const kept = connectKept()
  begin()
  for (let epoch = 1; epoch <= 2; epoch++) {
    const pid = recordedPid('node-proxy')
    const restarted = await cluster.lateen('hot-restart')
    assert.equal(restarted.status, 0, restarted.stdout + restarted.stderr)
    assert.notEqual(recordedPid('node-proxy'), pid)
    await waitFor('the node agent to know the new process', async () => (await states()) === before)
    await expectEditIsLive()
  }
  await expectNoFailure()
  assert.equal(await states(), before)
  assert.equal(await kept(), true, 'a connection from before lives on in the first process')
})

test('kill -9 of the process that took over leaves the one before it, or the next one, serving', async () => {
  const restarted = await cluster.lateen('hot-restart')
  assert.equal(restarted.status, 0, restarted.stdout + restarted.stderr)
  await kill(recordedPid('node-proxy'))
  await waitFor(
    'the gateway to answer',
    async () => (await ask({ address: gateway, path: '/api/version' })).status === 200,
  )
  await expectEditIsLive()
})

test('lateen up of another version replaces what runs, and fails no request', async () => {
  const names = ['supervisor', 'api-server', 'node-proxy']
  const before = names.map(recordedPid)
  // As a version before this one has left it.
  for (const name of names) {
    const record = JSON.parse(readFileSync(recordOf(name), 'utf8')) as object
    writeFileSync(recordOf(name), JSON.stringify({ ...record, version: '0.0.0-before' }))
  }
  begin()
  const up = await cluster.lateen('up')
  assert.equal(up.status, 0, up.stdout + up.stderr)
  assert.match(up.stdout + up.stderr, /replacing version 0\.0\.0-before by /)
  await waitFor('all three to be replaced', () =>
    names.every((name, i) => recordedPid(name) !== before[i] && isRunning(recordedPid(name))),
  )
  await expectEditIsLive()
  await expectNoFailure()
})

test('everything killed at once recovers with all data', async () => {
  for (const name of ['supervisor', 'api-server', 'node-proxy']) await kill(recordedPid(name))
  const up = await cluster.lateen('up')
  assert.equal(up.status, 0, up.stdout + up.stderr)
  assert.match(await cluster.kubectl('get configmap kept -n demo -o jsonpath={.data.a}'), /^b$/)
  await waitFor(
    'the gateway to answer',
    async () => (await ask({ address: gateway, path: '/api/version' })).status === 200,
  )
  await expectEditIsLive()
})

function begin(): void {
  load = startLoad({
    host: gateway,
    path: '/api/version',
    perSecond: 200,
    requestsMax: 30_000,
    nameOf(status, body) {
      if (status !== 200) throw new Error(`status ${status}: ${body}`)
      return body.trim()
    },
  })
}

/** A connection with a request that is not whole yet. @returns sends the rest of it */
function connectKept(): () => Promise<boolean> {
  const socket = connect(80, gateway)
  // One that is idle is closed soon after the restart; on this one a request has begun.
  socket.write(`GET /api/version HTTP/1.1\r\nHost: ${gateway}\r\n`)
  return async () => {
    socket.write('\r\n')
    const [first] = (await once(socket, 'data', { signal: AbortSignal.timeout(KEPT_ANSWER_MS) })) as [Buffer]
    socket.destroy()
    return first.toString('latin1').startsWith('HTTP/1.1 200')
  }
}

async function expectNoFailure(): Promise<void> {
  assert.ok(load)
  const running = load
  const at = running.sent()
  await waitFor('half a second of load after the last change', () => running.sent() >= at + 100)
  const report = await running.stop()
  assert.deepEqual(
    report.failures.slice(0, 5),
    [],
    `${report.failures.length} of ${report.sent} requests failed`,
  )
  assert.ok(report.sent >= 100)
}

/** All to one version, then back to both. */
async function expectEditIsLive(): Promise<void> {
  const set = (first: number) =>
    waitFor('the API server to take the edit', async () => {
      const patch = JSON.stringify([
        { op: 'replace', path: '/spec/rules/0/backendRefs/0/weight', value: first },
        { op: 'replace', path: '/spec/rules/0/backendRefs/1/weight', value: 100 - first },
      ])
      return (
        (await cluster.tryKubectl(`patch httproute demo-app-weights -n demo --type=json -p '${patch}'`))
          .status === 0
      )
    })
  for (const [first, version] of [
    [0, '2.0.0'],
    [100, '1.0.0'],
  ] as const) {
    await set(first)
    let row = 0
    await waitFor(`only ${version}`, async () => {
      const { body } = await ask({ address: gateway, path: '/api/version' })
      row = body.includes(version) ? row + 1 : 0
      return row >= 20
    })
  }
  await set(50)
}

function recordOf(name: string): string {
  return join(cluster.stateDirectory, 'run', `${name}.pid`)
}

function recordedPid(name: string): number {
  return (JSON.parse(readFileSync(recordOf(name), 'utf8')) as { pid: number }).pid
}

/** The process of istiod of this cluster: the only one in the network namespace of its pod, which is named after it. */
async function pidOfIstiod(): Promise<number> {
  const uid = await cluster.kubectl(
    'get pods -n istio-system -l app=istiod -o jsonpath={.items[0].metadata.uid}',
  )
  const names = (await runCommand('ip', ['netns', 'list'])).stdout.split(/\s+/)
  const name = names.find((one) => one.endsWith(`-${uid.replaceAll('-', '').slice(0, 12)}`))
  assert.ok(name, `no network namespace of pod ${uid}`)
  const { stdout } = await runCommand('ip', ['netns', 'pids', name])
  const pids = stdout.trim().split(/\s+/).map(Number)
  const pid = pids.find((one) =>
    // Its shim, a shell, has the same words among its own.
    /^[^\0]*\/node\0.*\/cli\/main\.[jt]s\0istiod/.test(readFileSync(`/proc/${one}/cmdline`, 'utf8')),
  )
  assert.ok(pid, `no process of istiod among ${stdout}`)
  return pid
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(`process ${pid} to be gone`, () => !isRunning(pid))
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
