import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { ConfigMap, ContainerStatus, Pod } from '../../../kube/index.ts'
import { KINDS } from '../../../kube/client/index.ts'
import { addImageMapping, GENERAL_PURPOSE_IMAGES, type ImageEntry } from '../index.ts'
import { fakeNodeProxy } from './fake-node-proxy.ts'
import { startTestNode, type TestNode, waitFor } from './harness.ts'

/** Answers every connection with its host name, a moment after its start; `exit=N` in a path ends it. */
const WEB = `
const http = require('http'), os = require('os')
process.on('SIGTERM', () => { console.log('terminated'); process.exit(0) })
http.createServer((request, response) => {
  const code = /exit=(\\d+)/.exec(request.url)
  if (code) process.exit(Number(code[1]))
  response.statusCode = request.url === '/broken' ? 500 : 200
  response.end(os.hostname())
}).listen(8080, () => console.log('listening'))`

const IMAGES: readonly ImageEntry[] = [
  ...GENERAL_PURPOSE_IMAGES,
  { pattern: 'web', program: { kind: 'command', command: [process.execPath, '-e', WEB] } },
  { pattern: 'docker.io/istio/proxyv2', program: { kind: 'hosted' } },
]

let node: TestNode

before(async () => {
  node = await startTestNode({ images: IMAGES })
})

after(() => node.close())

const sh = (script: string) => ({ image: 'alpine', command: ['/bin/sh', '-c', script] })
const isReady = (pod: Pod) =>
  pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true
const hasPhase = (phase: string) => (pod: Pod) => pod.status?.phase === phase
const statusOf = (pod: Pod, name: string): Partial<ContainerStatus> => {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  return all.find((status) => status.name === name) ?? {}
}
async function outputOf(name: string, spec: Pod['spec']): Promise<string> {
  await node.run({ name, spec: { restartPolicy: 'Never', ...spec } })
  const pod = await node.until(
    name,
    (one) => ['Succeeded', 'Failed'].includes(one.status?.phase ?? ''),
    'ends',
  )
  return node.logs(pod, spec.containers[0]?.name ?? '')
}
async function remove(name: string): Promise<void> {
  await node.client.delete(KINDS.pod, name, 'default', { gracePeriodSeconds: 1 })
  await node.untilGone(name)
}

describe('a pod', () => {
  test('has an address that answers, its own host name and a log', async () => {
    const webContainer = {
      name: 'c',
      image: 'web:v1',
      readinessProbe: { httpGet: { port: 8080, path: '/' } },
    }
    await node.run({ name: 'web', spec: { containers: [webContainer] } })
    const pod = await node.until('web', isReady, 'is ready')
    const response = await fetch(`http://${pod.status?.podIP}:8080/`)
    assert.equal(await response.text(), 'web')
    assert.equal(await node.logs(pod, 'c'), 'listening\n')
    await remove('web')
  })

  test('sees its own processes, files, names and neighbours only', async () => {
    const script =
      'echo pid=$$$$; hostname; cat /etc/hostname; grep -c . /etc/resolv.conf; ls -d /tmp/lateen-* 2>/dev/null; echo x > /etc/lateen-test; ls /run/netns 2>/dev/null | head -1; echo end'
    const output = await outputOf('alone', { hostname: 'me', containers: [{ name: 'c', ...sh(script) }] })
    assert.equal(output, 'pid=1\nme\nme\n3\nend\n')
    await remove('alone')
  })

  test('reaches another pod by its address, which sees its caller', async () => {
    await node.run({
      name: 'server',
      spec: { containers: [{ name: 'c', image: 'web', readinessProbe: { tcpSocket: { port: 8080 } } }] },
    })
    const server = await node.until('server', isReady, 'is ready')
    const output = await outputOf('client', {
      containers: [{ name: 'c', ...sh(`curl -s http://${server.status?.podIP}:8080/`) }],
    })
    assert.equal(output, 'server')
    await remove('server')
    await remove('client')
  })
})

describe('the order of containers', () => {
  test('init containers run one after the other before the main ones, in the same network', async () => {
    const output = await outputOf('ordered', {
      initContainers: [
        {
          name: 'one',
          ...sh('echo one >> /shared/log'),
          volumeMounts: [{ name: 'v', mountPath: '/shared' }],
        },
        {
          name: 'two',
          ...sh('echo two >> /shared/log'),
          volumeMounts: [{ name: 'v', mountPath: '/shared' }],
        },
      ],
      containers: [
        { name: 'c', ...sh('cat /shared/log'), volumeMounts: [{ name: 'v', mountPath: '/shared' }] },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    })
    assert.equal(output, 'one\ntwo\n')
    const pod = await node.until('ordered', hasPhase('Succeeded'), 'succeeds')
    assert.equal(statusOf(pod, 'one').state?.terminated?.reason, 'Completed')
    await remove('ordered')
  })

  test('a sidecar gates what follows until it has started, and stops after the main containers', async () => {
    const sidecar = {
      name: 's',
      image: 'web',
      restartPolicy: 'Always',
      startupProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 },
    }
    await node.run({
      name: 'sidecar',
      spec: {
        initContainers: [sidecar],
        containers: [{ name: 'c', ...sh('curl -s localhost:8080') }],
        restartPolicy: 'Never',
      },
    })
    const pod = await node.until('sidecar', hasPhase('Succeeded'), 'succeeds')
    assert.equal(await node.logs(pod, 'c'), 'sidecar')
    assert.equal(await node.logs(pod, 's'), 'listening\nterminated\n')
    await remove('sidecar')
  })
})

describe('failures', () => {
  test('a container that ends is restarted at once, then after a back-off that its state tells', async () => {
    await node.run({ name: 'crash', spec: { containers: [{ name: 'c', ...sh('echo run; exit 3') }] } })
    const pod = await node.until(
      'crash',
      (one) => statusOf(one, 'c').state?.waiting?.reason === 'CrashLoopBackOff',
      'backs off',
    )
    const status = statusOf(pod, 'c')
    assert.equal(status.restartCount, 1)
    assert.equal(status.lastState?.terminated?.exitCode, 3)
    assert.match(
      status.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=c pod=crash_default\(/,
    )
    assert.equal(await node.logs(pod, 'c', true), 'run\n')
    await remove('crash')
  })

  test('an image without a program tells the command to type, and starts once it was typed', async () => {
    await node.run({ name: 'unknown', spec: { containers: [{ name: 'c', image: 'ghcr.io/me/app:1' }] } })
    const reason = (pod: Pod) => statusOf(pod, 'c').state?.waiting?.reason ?? ''
    const waiting = await node.until('unknown', (pod) => reason(pod) === 'ErrImagePull', 'fails to pull')
    assert.match(
      statusOf(waiting, 'c').state?.waiting?.message ?? '',
      /lateen image map 'ghcr\.io\/me\/app:1' -- COMMAND/,
    )
    await node.until('unknown', (pod) => reason(pod) === 'ImagePullBackOff', 'backs off')
    addImageMapping(join(node.stateDir, 'images.json'), {
      pattern: 'ghcr.io/me/app:*',
      program: { kind: 'command', command: ['sh', '-c', 'echo mapped; sleep 60 & wait'] },
    })
    const pod = await node.until('unknown', hasPhase('Running'), 'runs')
    await waitFor(
      async () => ((await node.logs(pod, 'c')) === 'mapped\n' ? true : undefined),
      () => 'logs',
    )
    await remove('unknown')
  })

  test('a command that is not there says so, and what to install', async () => {
    const output = await outputOf('absent', {
      containers: [{ name: 'c', image: 'alpine', command: ['/opt/bin/socat'] }],
    })
    assert.equal(output, '')
    const pod = await node.until('absent', hasPhase('Failed'), 'fails')
    const ended = statusOf(pod, 'c').state?.terminated
    assert.deepEqual([ended?.exitCode, ended?.reason], [128, 'StartError'])
    assert.match(
      ended?.message ?? '',
      /^exec: "\/opt\/bin\/socat": stat .*: no such file or directory .*apt-get install -y socat\)$/,
    )
    await remove('absent')
  })

  test('a liveness probe that fails restarts the container', async () => {
    const livenessProbe = {
      exec: { command: ['sh', '-c', 'test ! -e /tmp/dead'] },
      periodSeconds: 1,
      failureThreshold: 1,
    }
    await node.run({
      name: 'live',
      spec: {
        containers: [
          { name: 'c', ...sh('trap "exit 0" TERM; touch /tmp/dead; sleep 60 & wait'), livenessProbe },
        ],
      },
    })
    await node.until('live', (pod) => (statusOf(pod, 'c').restartCount ?? 0) >= 1, 'is restarted')
    const events = await node.client.list(KINDS.event, { namespace: 'default' })
    const messages = events.items.map((one) => (one as { message?: string }).message ?? '')
    assert.ok(messages.includes('Container c failed liveness probe, will be restarted'), messages.join('\n'))
    await remove('live')
  })

  test('a readiness probe that fails keeps the pod out, and says why', async () => {
    await node.run({
      name: 'unready',
      spec: {
        containers: [
          {
            name: 'c',
            image: 'web',
            readinessProbe: { httpGet: { port: 8080, path: '/broken' }, periodSeconds: 1 },
          },
        ],
      },
    })
    const pod = await node.until('unready', hasPhase('Running'), 'runs')
    const condition = pod.status?.conditions?.find(({ type }) => type === 'Ready')
    assert.deepEqual(
      [condition?.status, condition?.message],
      ['False', 'containers with unready status: [c]'],
    )
    await remove('unready')
  })
})

describe('what a container is given', () => {
  test('environment from values, fields, ConfigMaps and Services', async () => {
    await configMap('settings', { COLOR: 'blue', SIZE: 'big' })
    const output = await outputOf('env', {
      containers: [
        {
          name: 'c',
          image: 'alpine',
          command: [
            '/bin/sh',
            '-c',
            'echo "$(GREETING)|$NAME|$IP|$COLOR|$ONE|$KUBERNETES_SERVICE_HOST|$CPU"',
          ],
          envFrom: [{ configMapRef: { name: 'settings' } }],
          env: [
            { name: 'WHO', value: 'you' },
            { name: 'GREETING', value: 'hello $(WHO)' },
            { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'ONE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'SIZE' } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
          ],
          resources: { limits: { cpu: '250m' } },
        },
      ],
    })
    const pod = await node.until('env', hasPhase('Succeeded'), 'succeeds')
    assert.equal(output, `hello you|env|${pod.status?.podIP}|blue|big|10.43.0.1|250\n`)
    await remove('env')
  })

  test('a ConfigMap volume follows its object while the container runs', async () => {
    await configMap('content', { 'page.html': 'old' })
    await node.run({
      name: 'volume',
      spec: {
        containers: [
          {
            name: 'c',
            ...sh('sleep 60'),
            volumeMounts: [{ name: 'v', mountPath: '/var/run/content', readOnly: true }],
          },
        ],
        volumes: [{ name: 'v', configMap: { name: 'content' } }],
      },
    })
    const pod = await node.until('volume', hasPhase('Running'), 'runs')
    const read = () => execIn(pod, ['cat', '/var/run/content/page.html'])
    await waitFor(
      async () => ((await read()) === 'old' ? true : undefined),
      () => 'old content',
    )
    await node.client.patch(
      KINDS.configMap,
      'content',
      'default',
      { data: { 'page.html': 'new' } },
      { type: 'merge' },
    )
    await waitFor(
      async () => ((await read()) === 'new' ? true : undefined),
      () => 'new content',
    )
    await remove('volume')
  })

  test('a pod waits for a ConfigMap that is not there yet', async () => {
    await node.run({
      name: 'patient',
      spec: {
        containers: [{ name: 'c', ...sh('cat /v/a'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        volumes: [{ name: 'v', configMap: { name: 'late' } }],
        restartPolicy: 'Never',
      },
    })
    const waiting = await node.until(
      'patient',
      (pod) => pod.status?.containerStatuses !== undefined,
      'is seen',
    )
    assert.equal(statusOf(waiting, 'c').state?.waiting?.reason, 'ContainerCreating')
    await configMap('late', { a: 'b' })
    await node.until('patient', hasPhase('Succeeded'), 'succeeds')
    await remove('patient')
  })

  test('a token of its service account, and its labels as a file', async () => {
    const output = await outputOf('token', {
      serviceAccountName: 'default',
      containers: [
        {
          name: 'c',
          ...sh('cut -c1-3 /var/run/secrets/tokens/t; cat /var/run/secrets/tokens/labels'),
          volumeMounts: [{ name: 'v', mountPath: '/var/run/secrets/tokens' }],
        },
      ],
      volumes: [
        {
          name: 'v',
          projected: {
            sources: [
              { serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43200, path: 't' } },
              { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.name' } }] } },
            ],
          },
        },
      ],
    })
    assert.equal(output, 'eyJ\ntoken')
    await remove('token')
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

async function configMap(name: string, data: Readonly<Record<string, string>>): Promise<void> {
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data,
  }
  await node.client.create(KINDS.configMap, object)
}

async function execIn(pod: Pod, command: readonly string[]): Promise<string> {
  const stdout = new PassThrough()
  const io = {
    stdin: undefined,
    stdout,
    stderr: undefined,
    onResize: () => {},
    signal: AbortSignal.timeout(5000),
  }
  const target = { podUid: pod.metadata.uid ?? '', container: 'c', tty: false }
  await node.agent().nodeApi.exec({ ...target, command, io })
  stdout.end()
  return text(stdout)
}
