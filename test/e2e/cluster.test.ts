/** The cluster's own life: up, down, images, what a pod gets, and what is left behind. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runCommand } from '../support/command.ts'
import { KUBECTL, startCluster, type TestCluster } from '../support/cluster.ts'
import { waitFor } from '../support/wait.ts'
import { WEB } from '../support/web.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
})
after(async () => {
  if (existsSync(cluster.stateDirectory)) await cluster.stop()
})

test('up twice is harmless', async () => {
  const again = await cluster.lateen('up')
  assert.equal(again.status, 0, again.stderr)
  assert.match(again.stdout, /was up already/)
})

test('status says what runs', async () => {
  const { stdout } = await cluster.lateen('status')
  assert.match(stdout, /api-server\s+runs \(pid \d+\)/)
  assert.match(stdout, /node\s+lateen/)
})

test('env gives a kubectl to a shell that has none, and leaves alone one that has its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-path-'))
  for (const name of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${name}`, join(folder, name))
  const link = join(cluster.stateDirectory, 'bin/kubectl')
  assert.equal((await cluster.lateen('env', { env: { PATH: folder } })).status, 0)
  assert.equal(realpathSync(link), KUBECTL)
  symlinkSync(KUBECTL, join(folder, 'kubectl'))
  assert.equal((await cluster.lateen('env', { env: { PATH: folder } })).status, 0)
  assert.ok(!existsSync(link))
  rmSync(folder, { recursive: true })
})

test('anonymous requests are refused, and the API server listens on loopback and the cluster’s own address only', async () => {
  const server = (await cluster.kubectl(`config view -o jsonpath={.clusters[0].cluster.server}`)).trim()
  assert.match(server, /^https:\/\/127\.0\.0\.1:/)
  const answer = await runCommand('curl', [
    '-s',
    '-k',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `${server}/api/v1/pods`,
  ])
  assert.equal(answer.stdout, '401')
})

test('a pod is a process with an address, a host name, environment, volumes and names of Services', async () => {
  await cluster.kubectl('apply -f -', { input: PROBE_POD })
  await cluster.kubectl('wait pod/probe --for=jsonpath={.status.phase}=Succeeded --timeout=30s')
  const log = await cluster.kubectl('logs probe')
  assert.match(log, /^host=probe$/m)
  assert.match(log, /^ip=10\.42\.\d+\.\d+$/m)
  assert.match(log, /^greeting=hello$/m)
  assert.match(log, /^file=from the map$/m)
  assert.match(log, /^secret=s3cret$/m)
  assert.match(log, /^api=401$/m)
  assert.match(log, /^written=yes$/m)
})

test('an image that no program stands for is ErrImagePull, with the command that helps', async () => {
  await cluster.kubectl('run stranger --image=ghcr.io/nobody/knows:1')
  const message = await waitFor('the pod to say so', async () => {
    const text = await cluster.kubectl(
      'get pod stranger -o jsonpath={.status.containerStatuses[0].state.waiting.reason}:{.status.containerStatuses[0].state.waiting.message}',
    )
    return /^(ErrImagePull|ImagePullBackOff):/.test(text) && text
  })
  assert.match(message, /lateen image map/)
  assert.match(await cluster.kubectl('get pod stranger'), /0\/1\s+(ErrImagePull|ImagePullBackOff)/)
  const words = join(cluster.stateDirectory, 'words')
  writeFileSync(words, 'of the image')
  const mapped = await cluster.lateen(
    `image map ghcr.io/nobody/knows --env GREETING=here --file /opt/words=${words} -- sh -c 'echo $GREETING $(cat /opt/words); sleep 600'`,
  )
  assert.equal(mapped.status, 0, mapped.stderr)
  await cluster.kubectl('wait pod/stranger --for=condition=Ready --timeout=30s')
  await waitFor('the variable and the file', async () =>
    (await cluster.kubectl('logs stranger')).includes('here of the image'),
  )
  await cluster.kubectl('delete pod stranger --grace-period=1')
})

test('a Deployment is rolled out, rolled back and deleted with all that it owns', async () => {
  await cluster.kubectl('apply -f -', { input: WEB })
  await cluster.kubectl('rollout status deployment/web --timeout=30s')
  const service = await cluster.kubectl('get service web -o jsonpath={.spec.clusterIP}')
  await waitFor('the Service to answer', async () => (await curl(`http://${service}/`)) === 'first')
  await cluster.kubectl(`set env deployment/web TEXT=second`)
  await cluster.kubectl('rollout status deployment/web --timeout=30s')
  await waitFor('the new version alone', async () => (await curl(`http://${service}/`)) === 'second')
  await cluster.kubectl('rollout undo deployment/web')
  await cluster.kubectl('rollout status deployment/web --timeout=30s')
  await waitFor('the old version again', async () => (await curl(`http://${service}/`)) === 'first')
  await cluster.kubectl('delete deployment web')
  await waitFor(
    'pods and sets to go',
    async () => (await cluster.kubectl('get pods,replicasets -l app=web -o name')) === '',
  )
  const refused = await runCommand('curl', ['-s', '--max-time', '5', `http://${service}/`])
  assert.equal(refused.status, 7, 'a Service without endpoints refuses')
})

test('a container that fails is restarted with back-off', async () => {
  await cluster.kubectl('apply -f -', { input: FAILING_POD })
  await waitFor('CrashLoopBackOff', async () =>
    /CrashLoopBackOff/.test(await cluster.kubectl('get pod failing')),
  )
  const restarts = await cluster.kubectl(
    'get pod failing -o jsonpath={.status.containerStatuses[0].restartCount}',
  )
  assert.ok(Number(restarts) >= 1)
  assert.match(await cluster.kubectl('logs failing --previous'), /going down/)
  await cluster.kubectl('delete pod failing')
})

test('an API server that is asked to end while it starts does end', async () => {
  const before = apiServerPid()
  process.kill(before, 'SIGKILL')
  const pid = await waitFor('the next one to listen to signals', () => {
    const next = apiServerPid()
    const caught = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${next}/status`, 'utf8'))?.[1] ?? '0'
    return next !== before && (BigInt(`0x${caught}`) & SIGTERM_BIT) !== 0n && next
  })
  process.kill(pid, 'SIGTERM')
  await waitFor('it to end', () => !existsSync(`/proc/${pid}`), { deadlineMs: 20_000 })
  await waitFor('another', async () => (await cluster.tryKubectl('get --raw /readyz')).status === 0)
})

test('an API server that is asked to end does not wait for a webhook that is silent', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  await cluster.kubectl('apply -f -', { input: silentWebhook((silent.address() as AddressInfo).port) })
  const asked = once(silent, 'connection')
  await cluster.kubectl('create deployment held --image=alpine -- sleep 3600')
  await asked
  const pid = apiServerPid()
  process.kill(pid, 'SIGTERM')
  await waitFor('it to end', () => !existsSync(`/proc/${pid}`), { deadlineMs: 15_000 })
  silent.close()
  await waitFor(
    'another to take the webhook away',
    async () => (await cluster.tryKubectl('delete mutatingwebhookconfiguration silent')).status === 0,
  )
  await cluster.kubectl('delete deployment held')
})

test('down leaves no process, namespace, link or rule behind, and up brings the data back', async () => {
  await cluster.kubectl('create configmap kept --from-literal=a=b')
  await cluster.kubectl('run lasting --image=alpine --command -- sleep 3600')
  await cluster.kubectl('wait pod/lasting --for=condition=Ready --timeout=30s')
  const whenProbeEnded = () =>
    cluster.kubectl('get pod probe -o jsonpath={.status.containerStatuses[0].state.terminated.finishedAt}')
  const ended = await whenProbeEnded()
  const down = await cluster.lateen('down')
  assert.equal(down.status, 0, down.stdout + down.stderr)
  assert.equal(
    (await runCommand('sh', ['-c', `pgrep -fa -- ${cluster.stateDirectory} | grep -v pgrep || true`])).stdout,
    '',
  )
  assert.equal((await runCommand('sh', ['-c', 'ip -o link | grep lateen || true'])).stdout, '')
  assert.equal((await runCommand('sh', ['-c', 'nft list ruleset | grep lateen || true'])).stdout, '')
  assert.equal(
    (await runCommand('sh', ['-c', `grep ${cluster.stateDirectory} /proc/mounts || true`])).stdout,
    '',
  )
  const up = await cluster.lateen('up')
  assert.equal(up.status, 0, up.stdout + up.stderr)
  assert.equal(await cluster.kubectl('get configmap kept -o jsonpath={.data.a}'), 'b')
  await cluster.kubectl('label pod probe looked=at')
  await cluster.kubectl('annotate pod probe looked=again')
  await cluster.kubectl('wait pod/lasting --for=condition=Ready --timeout=30s')
  assert.equal(await whenProbeEnded(), ended, 'a pod that was over is not run again')
})

async function curl(url: string): Promise<string> {
  return (await runCommand('curl', ['-s', '--max-time', '5', url])).stdout.trim()
}

function apiServerPid(): number {
  const record = readFileSync(join(cluster.stateDirectory, 'run/api-server.pid'), 'utf8')
  return (JSON.parse(record) as { pid: number }).pid
}

const SIGTERM_BIT = 1n << 14n

const silentWebhook = (port: number) => `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: silent }
webhooks:
  - name: silent.example.org
    clientConfig: { url: "https://127.0.0.1:${port}/" }
    rules: [{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods] }]
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: 30
`

const PROBE_POD = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { file.txt: from the map, GREETING: hello }
---
apiVersion: v1
kind: Secret
metadata: { name: keys }
stringData: { key: s3cret }
---
apiVersion: v1
kind: Pod
metadata: { name: probe }
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: curlimages/curl
      command: [sh, -c]
      args:
        - |
          echo host=$(hostname)
          echo ip=$POD_IP
          echo greeting=$GREETING
          echo file=$(cat /etc/settings/file.txt)
          echo secret=$SECRET
          echo api=$(curl -sk -o /dev/null -w '%{http_code}' https://kubernetes.default.svc/api/v1/pods)
          touch /scratch/x /root/y && echo written=yes
      env:
        - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
        - { name: SECRET, valueFrom: { secretKeyRef: { name: keys, key: key } } }
      envFrom: [{ configMapRef: { name: settings } }]
      volumeMounts:
        - { name: settings, mountPath: /etc/settings }
        - { name: scratch, mountPath: /scratch }
  volumes:
    - { name: settings, configMap: { name: settings } }
    - { name: scratch, emptyDir: {} }
`

const FAILING_POD = `
apiVersion: v1
kind: Pod
metadata: { name: failing }
spec:
  containers: [{ name: main, image: alpine, command: [sh, -c], args: ['echo going down; exit 3'] }]
`
