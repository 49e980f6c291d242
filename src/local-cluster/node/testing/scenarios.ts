import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ConfigMap, Pod } from '../../../kube/index.ts'
import { KINDS } from '../../../kube/client/index.ts'
import { addImageMapping } from '../index.ts'
import { startTestNode, type TestNode, waitFor } from './harness.ts'
import { hasPhase, IMAGES, isReady, podSteps, sh, statusOf } from './pods.ts'

let node: TestNode

before(async () => {
  node = await startTestNode({ images: IMAGES })
})

after(() => node.close())

const { outputOf, remove, execIn } = podSteps(() => node)

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
    // Events are written behind the status, which nobody makes wait for them.
    let messages: readonly string[] = []
    await waitFor(
      async () => {
        const events = await node.client.list(KINDS.event, { namespace: 'default' })
        messages = events.items.map((one) => (one as { message?: string }).message ?? '')
        return messages.includes('Container c failed liveness probe, will be restarted') || undefined
      },
      () => `no event tells of the failed probe: ${messages.join('\n')}`,
    )
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

async function configMap(name: string, data: Readonly<Record<string, string>>): Promise<void> {
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data,
  }
  await node.client.create(KINDS.configMap, object)
}
