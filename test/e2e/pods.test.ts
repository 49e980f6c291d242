/** Pods as the kubelet runs them: streams, probes, hooks, rights, volumes, images and their place, through the real kubectl. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { KUBECTL, startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  cluster = await startCluster()
  kubectl = cluster.kubectl
  await kubectl('apply -f -', { input: PODS })
})
after(() => cluster.stop())

/** kubectl with words that the test gives as they are. */
const run = (args: readonly string[], options: { readonly input?: string } = {}) =>
  runCommand(KUBECTL, args, { ...options, env: { KUBECONFIG: cluster.kubeconfig }, timeoutMs: 20_000 })

async function eventsOf(pod: string, reason: string): Promise<string> {
  const selector = `involvedObject.name=${pod},reason=${reason}`
  return kubectl(`get events --field-selector ${selector} -o jsonpath={range.items[*]}{.message}{"\\n"}{end}`)
}

async function untilEvent(pod: string, reason: string, message: RegExp): Promise<void> {
  await waitFor(`${reason} of ${pod}: ${message.source}`, async () =>
    message.test(await eventsOf(pod, reason)),
  )
}

/** @param path JSONPath below a container's status */
const statusOf = (pod: string, container: string, path: string) =>
  kubectl(`get pod ${pod} -o 'jsonpath={.status.containerStatuses[?(@.name=="${container}")]${path}}'`)

const untilDone = (pod: string) =>
  waitFor(`${pod} to end`, async () =>
    /Succeeded|Failed/.test(await kubectl(`get pod ${pod} -o jsonpath={.status.phase}`)),
  )

describe('attach', () => {
  test('a program’s outputs come apart, and a second client sees what follows', async () => {
    await kubectl('wait pod/talks --for=condition=Ready --timeout=20s')
    const first = attach('talks')
    first.child.stdin?.write('one\n')
    await waitFor('the first line', () => first.stdout() === 'out one\n' && /^err one$/m.test(first.stderr()))
    const second = attach('talks')
    await waitFor('the second client', async () => {
      first.child.stdin?.write('two\n')
      return second.stdout().includes('out two\n')
    })
    assert.equal(second.stdout().includes('one'), false)
    assert.match(await kubectl('logs talks'), /out one\n(.*\n)*err two|err one\n(.*\n)*out two/)
    first.child.kill()
    second.child.kill()
  })

  test('the end of a piped input reaches a program on a terminal, whose exit code is kubectl’s', async () => {
    const args = 'run piped -q --rm -it --restart=Never --image=busybox -- sh -c'.split(' ')
    const { status, stdout } = await run([...args, 'tty; cat; exit 5'], { input: 'typed\n' })
    assert.match(stdout, /\/dev\/pts\/\d+/)
    assert.match(stdout, /typed\r?\n(.*)typed/s)
    assert.equal(status, 5)
  })

  test('a container for debugging joins the processes of another, and its end is told', async () => {
    const args = 'debug plain -q -i --image=busybox --target=c -- sh -c'.split(' ')
    const { stdout } = await run([...args, 'ps -ef; exit 4'])
    assert.match(stdout, /sleep 1000/)
    const status = await kubectl('get pod plain -o jsonpath={.status.ephemeralContainerStatuses[0].state}')
    assert.match(status, /"exitCode":4.*"reason":"Error"/)
    assert.equal(await statusOf('plain', 'c', '.ready'), 'true')
  })
})

describe('probes and hooks', () => {
  test('what fails is said in the kubelet’s words', async () => {
    await untilEvent(
      'probed',
      'Unhealthy',
      /^Liveness probe failed: cat: \/tmp\/healthy: No such file or directory$/m,
    )
    await untilEvent(
      'probed',
      'Unhealthy',
      /^Readiness probe failed: command timed out: "sleep 10" timed out after 1s$/m,
    )
    await untilEvent(
      'probed',
      'Unhealthy',
      /^Readiness probe failed: dial tcp [\d.]+:4444: connect: connection refused$/m,
    )
    await untilEvent(
      'probed',
      'Unhealthy',
      /^Readiness probe failed: HTTP probe failed with statuscode: 503$/m,
    )
    await untilEvent(
      'probed',
      'Unhealthy',
      /^Startup probe failed: timeout: failed to connect service "[\d.]+:4446"/m,
    )
    await untilEvent('probed', 'Killing', /^Container dies failed liveness probe, will be restarted$/m)
    await untilEvent(
      'probed',
      'BackOff',
      /^Back-off restarting failed container dies in pod probed_default\(/m,
    )
    assert.equal(await statusOf('probed', 'secure', '.ready'), 'true')
    assert.equal(await statusOf('probed', 'starts', '.started'), 'false')
  })

  test('a failed hook ends its container, and a slow one holds up those behind it', async () => {
    await untilEvent('hooked', 'FailedPostStartHook', /^PostStartHook failed$/m)
    const started = await kubectl('logs ordered -c second')
    const hooked = await kubectl('logs ordered -c first')
    assert.ok(Number(started.trim()) >= Number(hooked.trim()) + 1, `${hooked} ${started}`)
  })

  test('a passed deadline is a failure, and what could not be started names the package', async () => {
    await untilDone('overdue')
    assert.equal(await kubectl('get pod overdue -o jsonpath={.status.reason}'), 'DeadlineExceeded')
    const last = await statusOf('absent', 'c', '.state.terminated')
    assert.match(last, /"exitCode":128/)
    assert.match(last, /stat \/opt\/socat: no such file or directory .*apt-get install -y socat/)
  })
})

describe('rights and volumes', () => {
  test('users, groups, capabilities and a read-only root are as the pod says', async () => {
    await untilDone('rights')
    assert.match(
      await kubectl('logs rights -c root'),
      /groups=0\(root\),77,88\nCapEff:\s+00000000a80425fb\n0:88\n$/,
    )
    assert.match(
      await kubectl('logs rights -c user'),
      /^uid=1000.* gid=0.*\nCapEff:\s+0{16}\nNoNewPrivs:\s+1\n$/,
    )
    assert.equal(await statusOf('rights', 'user', '.state.terminated.message'), 'bye\n')
    const frozen = await kubectl('logs rights -c frozen')
    assert.deepEqual(frozen.match(/Read-only/g)?.length, 2)
    assert.match(frozen, /volume ok\n$/)
    await untilEvent(
      'refused',
      'Failed',
      /^Error: container has runAsNonRoot and image will run as root \(pod: "refused_default\(/m,
    )
  })

  test('files come with their modes, follow their objects, and a sub-path does not', async () => {
    await untilDone('files')
    assert.equal(
      await kubectl('logs files'),
      'r--r----- joe\none\nenv one-$(NOPE)-joe\n300\n3.0M\nfiles.sub.default.svc.cluster.local\n1.2.3.4 foo\n',
    )
    await kubectl('wait pod/follows --for=condition=Ready --timeout=20s')
    await kubectl('patch configmap settings --type=merge -p {"data":{"key":"two"}}')
    await waitFor('the new content', async () => (await kubectl('exec follows -- cat /all/key')) === 'two')
    assert.equal(await kubectl('exec follows -- cat /one'), 'one')
  })

  test('a claim’s volume outlives its pod; what is not there keeps a pod waiting', async () => {
    await kubectl('wait pod/claims --for=condition=Ready --timeout=20s')
    await kubectl(`exec claims -- sh -c 'echo kept > /data/file'`)
    await kubectl('delete pod claims')
    await kubectl('apply -f -', { input: CLAIMING })
    await kubectl('wait pod/claims --for=condition=Ready --timeout=20s')
    assert.equal(await kubectl('exec claims -- cat /data/file'), 'kept\n')
    await untilEvent('unclaimed', 'FailedScheduling', /persistentvolumeclaim "nothing" not found/)
    await untilEvent(
      'unmounted',
      'FailedMount',
      /^MountVolume.SetUp failed for volume "v" : hostPath type check failed: \/nowhere is not a directory$/m,
    )
  })
})

describe('images and places', () => {
  test('a Job runs a script for busybox’s shell from a ConfigMap, and python one with arguments', async () => {
    await kubectl('wait job/script --for=condition=complete --timeout=20s')
    assert.equal(await kubectl('logs job/script'), 'shell one\n')
    await untilDone('python')
    assert.equal(await kubectl('logs python'), "['/scripts/run.py', 'x']\n")
  })

  test('processes and networks are shared where the pod says so', async () => {
    assert.match(await kubectl('logs shares -c sees'), /sleep 1000/)
    assert.equal(await kubectl('logs hosted'), 'lateen\n10.42.0.1\n')
    assert.equal(await kubectl('get pod hosted -o jsonpath={.status.podIP}'), '10.42.0.1')
  })

  test('the address of a pod that has gone is unreachable at once, for the machine and for other pods', async () => {
    await kubectl('run gone --image=alpine --restart=Never --command -- sleep 3600')
    await kubectl('run asks --image=alpine --restart=Never --command -- sleep 3600')
    await kubectl('wait pod gone asks --for=condition=Ready --timeout=30s')
    const address = await kubectl('get pod gone -o jsonpath={.status.podIP}')
    const call = ['curl', '-sS', '--max-time', '20', `http://${address}:81/`]
    assert.match((await runCommand('curl', call.slice(1))).stderr, /Connection refused|Couldn't connect/)
    await kubectl('delete pod gone --now')
    const fromMachine = await runCommand('curl', call.slice(1))
    const fromPod = await run(['exec', 'asks', '--', ...call])
    for (const { stderr } of [fromMachine, fromPod]) {
      assert.match(stderr, /No route to host|Couldn't connect/i)
      assert.doesNotMatch(stderr, /timed out/i)
    }
    await kubectl('delete pod asks --now --wait=false')
  })

  test('a pod that does not fit stays pending with the scheduler’s words, until it does', async () => {
    const end =
      'no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'
    assert.equal(
      (await eventsOf('huge', 'FailedScheduling')).trim(),
      `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. ${end}`,
    )
    assert.match(
      await eventsOf('choosy', 'FailedScheduling'),
      /1 node\(s\) didn't match Pod's node affinity\/selector/,
    )
    await kubectl('label node lateen disk=fast')
    await kubectl('wait pod/choosy --for=condition=Ready --timeout=20s')
  })
})

interface Attached {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
}

function attach(pod: string): Attached {
  const child = spawn(KUBECTL, ['attach', '-q', '-i', pod], {
    env: { KUBECONFIG: cluster.kubeconfig },
    stdio: 'pipe',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
  return { child, stdout: () => stdout, stderr: () => stderr }
}

const WAITS = `[sh, -c, 'trap "exit 0" TERM; sleep 1000 & wait']`

const CLAIMING = `
apiVersion: v1
kind: Pod
metadata: { name: claims }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: c, image: busybox, command: ${WAITS}, volumeMounts: [{ name: v, mountPath: /data }] }]
  volumes: [{ name: v, persistentVolumeClaim: { claimName: data } }]
`

/** Answers 503 in plain and 200 over TLS, with a certificate of its own. */
const SECURE = `
const { execSync } = require("child_process")
execSync("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout /tmp/k -out /tmp/c")
const fs = require("fs")
require("https").createServer({ key: fs.readFileSync("/tmp/k"), cert: fs.readFileSync("/tmp/c") }, (q, r) => r.end(q.headers["x-one"] === "1" ? "" : r.writeHead(400))).listen(4447)
require("http").createServer((q, r) => r.writeHead(503).end()).listen(4445)
`

const PODS = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { key: one }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: scripts }
data:
  run.sh: |
    #!/bin/sh
    set -o pipefail
    echo shell $1
  run.py: |
    import sys
    print(sys.argv)
---
apiVersion: v1
kind: Secret
metadata: { name: account }
stringData: { user: joe }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---${CLAIMING}---
apiVersion: v1
kind: Pod
metadata: { name: talks }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - { name: c, image: busybox, stdin: true, command: [sh, -c, 'while read line; do echo "out $line"; echo "err $line" >&2; done'] }
---
apiVersion: v1
kind: Pod
metadata: { name: plain }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: c, image: busybox, command: ${WAITS} }]
---
apiVersion: v1
kind: Pod
metadata: { name: probed }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: dies
    image: busybox
    command: [sleep, '1000']
    livenessProbe: { exec: { command: [cat, /tmp/healthy] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 }
  - name: slow
    image: busybox
    command: ${WAITS}
    readinessProbe: { exec: { command: [sleep, '10'] }, periodSeconds: 1 }
  - name: deaf
    image: busybox
    command: ${WAITS}
    ports: [{ name: web, containerPort: 4444 }]
    readinessProbe: { tcpSocket: { port: web }, periodSeconds: 1 }
  - name: broken
    image: busybox
    command: ${WAITS}
    readinessProbe: { httpGet: { port: 4445 }, periodSeconds: 1 }
  - name: secure
    image: node
    args: [-e, '${SECURE.replaceAll('\n', ';')}']
    readinessProbe: { httpGet: { port: 4447, scheme: HTTPS, httpHeaders: [{ name: X-One, value: '1' }] }, periodSeconds: 1 }
  - name: starts
    image: busybox
    command: ${WAITS}
    startupProbe: { grpc: { port: 4446 }, periodSeconds: 1, failureThreshold: 60 }
---
apiVersion: v1
kind: Pod
metadata: { name: hooked }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - { name: c, image: busybox, command: ${WAITS}, lifecycle: { postStart: { exec: { command: ['false'] } } } }
---
apiVersion: v1
kind: Pod
metadata: { name: ordered }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - { name: first, image: busybox, command: [sh, -c, 'date +%s; exec sleep 1000'], lifecycle: { postStart: { sleep: { seconds: 1 } } } }
  - { name: second, image: busybox, command: [sh, -c, 'date +%s; exec sleep 1000'] }
---
apiVersion: v1
kind: Pod
metadata: { name: overdue }
spec:
  activeDeadlineSeconds: 1
  containers: [{ name: c, image: busybox, command: ${WAITS} }]
---
apiVersion: v1
kind: Pod
metadata: { name: absent }
spec:
  restartPolicy: Never
  containers: [{ name: c, image: busybox, command: [/opt/socat] }]
---
apiVersion: v1
kind: Pod
metadata: { name: rights }
spec:
  restartPolicy: Never
  securityContext: { supplementalGroups: [77], fsGroup: 88 }
  volumes: [{ name: v, emptyDir: {} }]
  containers:
  - name: root
    image: busybox
    command: [sh, -c, 'id; grep CapEff /proc/self/status; touch /v/x; stat -c %u:%g /v/x']
    volumeMounts: [{ name: v, mountPath: /v }]
  - name: user
    image: busybox
    command: [sh, -c, 'id; grep -E "CapEff|NoNew" /proc/self/status; echo bye > /dev/termination-log']
    securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
  - name: frozen
    image: busybox
    command: [sh, -c, 'touch /etc/x; touch /tmp/x; touch /v/y && echo volume ok']
    securityContext: { readOnlyRootFilesystem: true }
    volumeMounts: [{ name: v, mountPath: /v }]
---
apiVersion: v1
kind: Pod
metadata: { name: refused }
spec:
  securityContext: { runAsNonRoot: true }
  containers: [{ name: c, image: redis }]
---
apiVersion: v1
kind: Pod
metadata: { name: files }
spec:
  restartPolicy: Never
  subdomain: sub
  hostAliases: [{ ip: 1.2.3.4, hostnames: [foo] }]
  volumes:
  - { name: s, secret: { secretName: account, defaultMode: 0440 } }
  - { name: c, configMap: { name: settings, items: [{ key: key, path: deep/file }] } }
  - { name: m, emptyDir: { medium: Memory, sizeLimit: 3Mi } }
  - { name: o, configMap: { name: nothing, optional: true } }
  - { name: d, downwardAPI: { items: [{ path: cpu, resourceFieldRef: { containerName: c, resource: limits.cpu, divisor: 1m } }] } }
  containers:
  - name: c
    image: busybox
    resources: { limits: { cpu: 300m } }
    env:
    - { name: KEY, valueFrom: { configMapKeyRef: { name: settings, key: key } } }
    - { name: ALL, value: $(KEY)-$(NOPE) }
    envFrom: [{ prefix: P_, secretRef: { name: account } }]
    command: [sh, -c]
    args:
    - |
      echo $(stat -Lc %A /s/user | cut -c2-) $(cat /s/user); cat /c/deep/file; echo
      echo "env $ALL-$P_user"; cat /d/cpu; echo; df -h /m | tail -1 | tr -s ' ' | cut -d' ' -f2; hostname -f
      tail -1 /etc/hosts | tr '\\t' ' '
    volumeMounts:
    - { name: s, mountPath: /s }
    - { name: c, mountPath: /c }
    - { name: m, mountPath: /m }
    - { name: o, mountPath: /o }
    - { name: d, mountPath: /d }
---
apiVersion: v1
kind: Pod
metadata: { name: follows }
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{ name: c, configMap: { name: settings } }]
  containers:
  - name: c
    image: busybox
    command: ${WAITS}
    volumeMounts: [{ name: c, mountPath: /all }, { name: c, mountPath: /one, subPath: key }]
---
apiVersion: v1
kind: Pod
metadata: { name: unclaimed }
spec:
  volumes: [{ name: v, persistentVolumeClaim: { claimName: nothing } }]
  containers: [{ name: c, image: busybox }]
---
apiVersion: v1
kind: Pod
metadata: { name: unmounted }
spec:
  volumes: [{ name: v, hostPath: { path: /nowhere, type: Directory } }]
  containers: [{ name: c, image: busybox, volumeMounts: [{ name: v, mountPath: /v }] }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: script }
spec:
  template:
    spec:
      restartPolicy: Never
      volumes: [{ name: s, configMap: { name: scripts, defaultMode: 0755 } }]
      containers: [{ name: c, image: 'alpine:3', command: [sh, -c, /scripts/run.sh one], volumeMounts: [{ name: s, mountPath: /scripts }] }]
---
apiVersion: v1
kind: Pod
metadata: { name: python }
spec:
  restartPolicy: Never
  volumes: [{ name: s, configMap: { name: scripts } }]
  containers: [{ name: c, image: docker.io/library/python:3.12-alpine, command: [python, /scripts/run.py], args: [x], volumeMounts: [{ name: s, mountPath: /scripts }] }]
---
apiVersion: v1
kind: Pod
metadata: { name: shares }
spec:
  terminationGracePeriodSeconds: 1
  shareProcessNamespace: true
  containers:
  - { name: c, image: busybox, command: ${WAITS} }
  - { name: sees, image: busybox, command: [sh, -c, 'until ps -ef | grep "sleep 100[0]"; do sleep 0.1; done; exec sleep 2000'] }
---
apiVersion: v1
kind: Pod
metadata: { name: hosted }
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers: [{ name: c, image: busybox, command: [sh, -c, "hostname; ip -4 -o addr show lateen0 | grep -o '10.42.0.1\\\\b'; exec sleep 1000"] }]
---
apiVersion: v1
kind: Pod
metadata: { name: huge }
spec:
  containers: [{ name: c, image: busybox, resources: { requests: { cpu: 1k, memory: 1Pi } } }]
---
apiVersion: v1
kind: Pod
metadata: { name: choosy }
spec:
  terminationGracePeriodSeconds: 1
  nodeSelector: { disk: fast }
  containers: [{ name: c, image: busybox, command: ${WAITS} }]
`
