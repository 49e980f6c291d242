import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Pod } from '../../../kube/index.ts'
import { KINDS } from '../../../kube/client/index.ts'
import { fakeNodeProxy } from './fake-node-proxy.ts'
import { cgroupRootOf, startTestNode, type TestNode } from './harness.ts'
import { hasPhase, IMAGES, isReady, podSteps, sh, statusOf } from './pods.ts'

let node: TestNode

before(async () => {
  node = await startTestNode({ images: IMAGES })
})

after(() => node.close())

const { outputOf, remove } = podSteps(() => node)

describe('limits', () => {
  test('a container runs in a group with its limits, and one that the kernel ends there is OOMKilled', async () => {
    const resources = { limits: { cpu: '250m', memory: '64Mi' } }
    const script = 'until [ -e /shared/go ]; do sleep 0.02; done; exit 137'
    const shared = join(node.stateDir, 'go')
    await node.run({
      name: 'limited',
      spec: {
        restartPolicy: 'Never',
        containers: [
          { name: 'c', ...sh(script), resources, volumeMounts: [{ name: 'v', mountPath: '/shared' }] },
        ],
        volumes: [{ name: 'v', hostPath: { path: shared } }],
      },
    })
    const pod = await node.until('limited', hasPhase('Running'), 'runs')
    assert.equal(pod.status?.qosClass, 'Guaranteed')
    const root = cgroupRootOf(node.stateDir)
    const groups = readdirSync(root, { recursive: true, encoding: 'utf8' })
    const group = join(root, groups.find((path) => path.endsWith(`${pod.metadata.uid}_c_0`)) ?? '')
    const read = (file: string) => readFileSync(join(group, file), 'utf8')
    assert.deepEqual([read('cpu.max'), read('memory.max')], ['25000 100000', String(64 * 1024 * 1024)])
    assert.match(read('cgroup.procs'), /^\d+\n$/)
    writeFileSync(join(group, 'memory.events'), 'oom_kill 1\n')
    writeFileSync(join(shared, 'go'), '')
    const failed = await node.until('limited', hasPhase('Failed'), 'fails')
    const ended = statusOf(failed, 'c').state?.terminated
    assert.deepEqual([ended?.reason, ended?.exitCode], ['OOMKilled', 137])
    await remove('limited')
  })
})

describe('a pod that is over', () => {
  test('gives back its network and address, keeps its log, and does not run again', async () => {
    const output = await outputOf('over', { containers: [{ name: 'c', ...sh('echo done') }] })
    assert.equal(output, 'done\n')
    const isReleased = (pod: Pod) =>
      pod.status?.conditions?.some(
        (one) => one.type === 'PodReadyToStartContainers' && one.status === 'False',
      ) === true
    const pod = await node.until('over', isReleased, 'is released')
    assert.match(pod.status?.podIP ?? '', /^10\.42\./)
    await node.restartAgent()
    await node.client.patch(
      KINDS.pod,
      'over',
      'default',
      { metadata: { labels: { a: 'b' } } },
      { type: 'merge' },
    )
    assert.equal(await node.logs(pod, 'c'), 'done\n')
    assert.equal((await node.pod('over'))?.status?.phase, 'Succeeded')
    await remove('over')
  })
})

describe('a pod that changes', () => {
  test('runs the program of its new image', async () => {
    await node.run({ name: 'changing', spec: { containers: [{ name: 'c', image: 'web:1' }] } })
    await node.until('changing', hasPhase('Running'), 'runs')
    const patch = { spec: { containers: [{ name: 'c', image: 'web:2' }] } }
    await node.client.patch(KINDS.pod, 'changing', 'default', patch, { type: 'strategic' })
    const pod = await node.until('changing', (one) => statusOf(one, 'c').restartCount === 1, 'is restarted')
    assert.equal(statusOf(pod, 'c').image, 'web:2')
    await remove('changing')
  })
})

describe('the end of a pod', () => {
  test('SIGTERM, the preStop hook before it, and SIGKILL after the grace period', async () => {
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /shared/log'] } } }
    const script = 'trap "echo term >> /shared/log" TERM; while :; do sleep 0.05; done'
    await node.run({
      name: 'stubborn',
      spec: {
        containers: [
          { name: 'c', ...sh(script), lifecycle, volumeMounts: [{ name: 'v', mountPath: '/shared' }] },
        ],
        volumes: [
          { name: 'v', hostPath: { path: join(node.stateDir, 'shared'), type: 'DirectoryOrCreate' } },
        ],
      },
    })
    await node.until('stubborn', hasPhase('Running'), 'runs')
    await remove('stubborn')
    assert.equal(readFileSync(join(node.stateDir, 'shared/log'), 'utf8'), 'hook\nterm\n')
  })
})

describe('the end of a pod with a sidecar', () => {
  test('all preStop hooks begin at once, and the sidecar gets SIGTERM when the others have ended', async () => {
    const says = (text: string) => `echo ${text} >> /shared/log`
    const loops = (end: string) => `trap "${end}; exit 0" TERM; while :; do sleep 0.05; done`
    const hook = (text: string) => ({ preStop: { exec: { command: ['sh', '-c', says(text)] } } })
    const volumeMounts = [{ name: 'v', mountPath: '/shared' }]
    const shared = join(node.stateDir, 'ends')
    await node.run({
      name: 'ends-in-order',
      spec: {
        terminationGracePeriodSeconds: 10,
        initContainers: [
          {
            name: 's',
            ...sh(loops(says('sidecar'))),
            restartPolicy: 'Always',
            lifecycle: hook('hook-of-sidecar'),
            volumeMounts,
          },
        ],
        containers: [
          {
            name: 'c',
            ...sh(loops(`sleep 0.5; ${says('main')}`)),
            lifecycle: hook('hook-of-main'),
            volumeMounts,
          },
        ],
        volumes: [{ name: 'v', hostPath: { path: shared } }],
      },
    })
    await node.until('ends-in-order', isReady, 'is ready')
    await node.client.delete(KINDS.pod, 'ends-in-order', 'default')
    await node.untilGone('ends-in-order')
    const lines = readFileSync(join(shared, 'log'), 'utf8').trim().split('\n')
    assert.deepEqual(lines.slice(0, 2).sort(), ['hook-of-main', 'hook-of-sidecar'])
    assert.deepEqual(lines.slice(2), ['main', 'sidecar'])
  })
})

describe('a node agent that was killed', () => {
  test('leaves its pods running; the next one adopts them, and what ended meanwhile', async () => {
    const readinessProbe = { httpGet: { port: 8080, path: '/' } }
    await node.run({ name: 'stays', spec: { containers: [{ name: 'c', image: 'web', readinessProbe }] } })
    await node.run({
      name: 'ends',
      spec: { containers: [{ name: 'c', image: 'web', readinessProbe }], restartPolicy: 'Never' },
    })
    const stays = await node.until('stays', isReady, 'is ready')
    const ends = await node.until('ends', isReady, 'is ready')
    await node.agent().stop()
    await fetch(`http://${ends.status?.podIP}:8080/exit=7`).catch(() => {}) // it ends before it answers
    assert.equal(await (await fetch(`http://${stays.status?.podIP}:8080/`)).text(), 'stays')
    await node.restartAgent()
    const ended = await node.until('ends', hasPhase('Failed'), 'has failed')
    assert.equal(statusOf(ended, 'c').state?.terminated?.exitCode, 7)
    const adopted = await node.until('stays', isReady, 'is ready')
    assert.equal(statusOf(adopted, 'c').containerID, statusOf(stays, 'c').containerID)
    assert.equal(adopted.status?.podIP, stays.status?.podIP)
    // It never left its Services: the condition has not changed meanwhile.
    const readySince = (pod: typeof stays) =>
      pod.status?.conditions?.find((one) => one.type === 'Ready')?.lastTransitionTime
    assert.equal(readySince(adopted), readySince(stays))
    await fetch(`http://${stays.status?.podIP}:8080/exit=1`).catch(() => {}) // it ends before it answers
    await node.until('stays', (pod) => statusOf(pod, 'c').restartCount === 1 && isReady(pod), 'is restarted')
    await remove('stays')
    await remove('ends')
  })
})

describe("istio's containers", () => {
  test('istio-init captures the traffic of the pod and istio-proxy runs in the node proxy', async () => {
    const proxy = await fakeNodeProxy(join(node.stateDir, 'run/node-proxy.sock'))
    await node.run({
      name: 'meshed',
      spec: {
        initContainers: [
          {
            name: 'istio-init',
            image: 'docker.io/istio/proxyv2:1.30.0',
            args: [
              'istio-iptables',
              '-p',
              '15001',
              '-z',
              '15006',
              '-u',
              '1337',
              '-m',
              'REDIRECT',
              '-i',
              '*',
              '-x',
              '',
              '-b',
              '*',
              '-d',
              '15090,15021,15020',
            ],
          },
          {
            name: 'istio-proxy',
            image: 'docker.io/istio/proxyv2:1.30.0',
            args: ['proxy', 'sidecar', '--domain', '$(POD_NAMESPACE).svc.cluster.local'],
            restartPolicy: 'Always',
            env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
          },
        ],
        containers: [{ name: 'c', image: 'web' }],
      },
    })
    const pod = await node.until('meshed', isReady, 'is ready')
    assert.match(await node.logs(pod, 'istio-init'), /redirect to :15006/)
    const [instance] = proxy.started
    assert.deepEqual(instance?.args, ['proxy', 'sidecar', '--domain', 'default.svc.cluster.local'])
    assert.deepEqual(instance?.podIps, [pod.status?.podIP])
    // Captured: nobody listens on 15006, so the application cannot be reached past the proxy.
    await assert.rejects(fetch(`http://${pod.status?.podIP}:8080/`))
    proxy.loseEverything()
    await node.until(
      'meshed',
      (one) => statusOf(one, 'istio-proxy').restartCount === 1 && isReady(one),
      'counts a restart',
    )
    await remove('meshed')
    assert.deepEqual(proxy.running(), [])
    proxy.close()
  })
})
