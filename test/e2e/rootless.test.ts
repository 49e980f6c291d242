/** The cluster of somebody who is not root: in a user namespace, with its ports at 127.0.0.1 of the machine. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { KUBECTL, words } from '../support/cluster.ts'
import { type CommandOptions, type CommandResult, runCommand } from '../support/command.ts'
import { REPOSITORY } from '../support/source-tree.ts'
import { waitFor } from '../support/wait.ts'
import { WEB } from '../support/web.ts'

const LATEEN = join(REPOSITORY, 'bin/lateen')
/** A user that the machine does not know, so that nothing else runs as this one. */
const UID = 64_123
const isRoot = process.getuid?.() === 0
const asUser = isRoot
  ? ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--inh-caps=-all', '--']
  : ['env']
const skip = reasonToSkip()

let home: string
before(async () => {
  if (skip !== false) return
  home = mkdtempSync(join(tmpdir(), 'lateen-rootless-'))
  if (isRoot) chownSync(home, UID, UID)
  const up = await lateen('up')
  assert.equal(up.status, 0, up.stdout + up.stderr + logs())
  assert.match(up.stdout, /without root: its ports are forwarded to 127\.0\.0\.1/)
})
after(async () => {
  if (skip !== false) return
  await lateen('down --delete')
  for (const pid of processes()) process.kill(pid, 'SIGKILL')
  rmSync(home, { recursive: true, force: true })
})

test('kubectl works with the kubeconfig, and up twice is harmless', { skip }, async () => {
  assert.match(await kubectl('get nodes --no-headers'), /^lateen\s+Ready/)
  const again = await lateen('up')
  assert.equal(again.status, 0, again.stderr)
  assert.match(again.stdout, /was up already/)
})

test('pods have volumes, names, logs and a shell, and may write where programs write', { skip }, async () => {
  await kubectl('apply -f -', { input: PROBE_POD })
  await kubectl('wait pod/probe --for=condition=Ready --timeout=30s')
  const log = await waitFor('the program to say all', async () => {
    const text = await kubectl('logs probe')
    return /^api=/m.test(text) && text
  })
  assert.match(log, /^host=probe$/m)
  assert.match(log, /^file=from the map$/m)
  assert.match(log, /^written=yes$/m)
  assert.match(log, /^api=401$/m)
  assert.equal((await kubectl('exec probe -- cat /etc/made /root/made')).trim(), 'made\nmade')
  assert.equal(existsSync('/etc/made'), false, 'the machine keeps its files')
})

test(
  'a LoadBalancer is found at 127.0.0.1: its node port, and a port that its own leads to',
  { skip },
  async () => {
    await kubectl('apply -f -', { input: WEB })
    await kubectl('rollout status deployment/web --timeout=30s')
    await kubectl('patch service web --type=merge -p {"spec":{"type":"LoadBalancer"}}')
    const nodePort = await kubectl('get service web -o jsonpath={.spec.ports[0].nodePort}')
    await waitFor('the node port', async () => (await curl(`http://127.0.0.1:${nodePort}/`)) === 'first')
    const { stdout } = await lateen('status')
    const local = /127\.0\.0\.1:(\d+)\s+10\.44\.0\.\d+:80, the address of default\/web$/m.exec(stdout)?.[1]
    assert.equal(local, '8080', stdout)
    assert.equal(await curl(`http://127.0.0.1:${local}/`), 'first')
    // Its own pods reach it too, and among them themselves.
    const address = await kubectl('get service web -o jsonpath={.status.loadBalancer.ingress[0].ip}')
    const eightTimes = `for i in 1 2 3 4 5 6 7 8; do curl -s --max-time 2 http://${address}/ || echo failed; echo; done`
    const answers = await kubectl(`exec deploy/web -- sh -c '${eightTimes}'`)
    assert.deepEqual(new Set(answers.trim().split('\n')), new Set(['first']))
    await kubectl('scale deployment web --replicas=0')
    await waitFor('the Service to have no endpoint', async () => {
      const refused = await runCommand('curl', ['-s', '--max-time', '5', `http://127.0.0.1:${local}/`])
      return refused.status === 56 // reset, as the address itself would refuse
    })
    await kubectl('scale deployment web --replicas=2')
    await kubectl('rollout status deployment/web --timeout=30s')
  },
)

test('every process of the cluster can be killed, and pods run on', { skip }, async () => {
  const started = await kubectl(
    'get pods -l app=web -o jsonpath={.items[*].status.containerStatuses[0].startedAt}',
  )
  for (const name of ['namespaces', 'forwarder', 'api-server', 'node-proxy', 'supervisor']) {
    const pid = recordedPid(name)
    process.kill(pid, 'SIGKILL')
    if (name === 'supervisor') {
      const up = await lateen('up')
      assert.equal(up.status, 0, up.stderr + logs())
    }
    // The holder of the namespaces is replaced when the next process is started.
    if (name !== 'namespaces') await waitFor(`${name} to run again`, () => recordedPid(name) !== pid)
    await waitFor(
      `the cluster without ${name}`,
      async () => (await curl('http://127.0.0.1:8080/')) === 'first',
    )
    await waitFor('the API', async () => (await tryKubectl('get pods')).status === 0)
  }
  assert.equal(isAlive(recordedPid('namespaces')), true, 'the namespaces have a holder again')
  assert.equal(
    await kubectl('get pods -l app=web -o jsonpath={.items[*].status.containerStatuses[0].startedAt}'),
    started,
  )
})

test('after the death of everything up brings the data back', { skip }, async () => {
  await kubectl('create configmap kept --from-literal=a=b')
  await waitFor('everything to end', () => {
    for (const pid of processes()) process.kill(pid, 'SIGKILL')
    return processes().length === 0
  })
  const up = await lateen('up')
  assert.equal(up.status, 0, up.stdout + up.stderr + logs())
  assert.equal(await kubectl('get configmap kept -o jsonpath={.data.a}'), 'b')
  await kubectl('rollout status deployment/web --timeout=60s')
  await waitFor('the same port as before', async () => (await curl('http://127.0.0.1:8080/')) === 'first')
})

test('down leaves no process and no file behind', { skip }, async () => {
  const down = await lateen('down --delete')
  assert.equal(down.status, 0, down.stdout + down.stderr)
  assert.deepEqual(
    processes().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
    [],
  )
  assert.equal(existsSync(stateDirectory()), false)
})

const idSkip =
  skip !== false
    ? skip
    : !isRoot
      ? 'gives a user subordinate ids, which takes root'
      : spawnSync('newuidmap').error !== undefined && 'newuidmap (package uidmap) is not installed'

test('with subordinate ids pods have users of their own', { skip: idSkip }, async () => {
  for (const file of ['passwd', 'subuid', 'subgid']) {
    const line = file === 'passwd' ? `someone:x:${UID}:${UID}::${home}:/bin/sh` : `someone:200000:65536`
    writeFileSync(join(home, file), `${readFileSync(`/etc/${file}`, 'utf8')}${line}\n`)
  }
  // The machine's own files stay as they are: only what is started here sees the others.
  const mounts = ['passwd', 'subuid', 'subgid'].map((file) => `mount --bind ${home}/${file} /etc/${file}`)
  const known = ['unshare', '--mount', 'sh', '-ec', `${mounts.join('\n')}\nexec "$@"`, 'sh', ...asUser]
  const up = await lateen('up', { through: known })
  assert.equal(up.status, 0, up.stdout + up.stderr + logs())
  assert.doesNotMatch(up.stdout, /pods run as one user/)
  await kubectl('apply -f -', { input: USER_POD })
  await kubectl('wait pod/user --for=jsonpath={.status.phase}=Succeeded --timeout=30s')
  assert.equal((await kubectl('logs user')).trim(), '1234 5678 1234')
  const down = await lateen('down --delete', { through: known })
  assert.equal(down.status, 0, down.stdout + down.stderr)
  assert.equal(existsSync(stateDirectory()), false, 'also what belongs to other users')
})

test(
  'where user namespaces are turned off, one message says so, with the command',
  { skip: !isRoot && skip },
  async () => {
    const limited = 'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-sys_admin "$@"'
    // The limit is one of the user namespace that this is done in; the machine's is left alone.
    const through = ['unshare', '--user', '--map-root-user', 'sh', '-c', limited, 'sh']
    const up = await lateen('up', { through })
    assert.equal(up.status, 69)
    assert.match(up.stderr, /user\.max_user_namespaces is 0/)
    assert.match(up.stderr, /sysctl -w user\.max_user_namespaces=/)
    assert.equal(up.stderr.trim().split('\n').length, 1)
  },
)

function reasonToSkip(): string | false {
  const [program = '', ...args] = asUser
  const readable = spawnSync(program, [...args, 'cat', join(REPOSITORY, 'package.json')])
  if (readable.status !== 0) return `${REPOSITORY} is not readable for other users`
  const made = spawnSync(program, [
    ...args,
    'unshare',
    '--user',
    '--map-root-user',
    '--net',
    '--mount',
    'true',
  ])
  return made.status !== 0 && `user namespaces do not work here: ${String(made.stderr).trim()}`
}

function stateDirectory(): string {
  return join(home, 'state')
}

function run(
  line: readonly string[],
  options: CommandOptions & { readonly through?: readonly string[] } = {},
): Promise<CommandResult> {
  const [program = '', ...args] = [...(options.through ?? asUser), ...line]
  const env = { HOME: home, LATEEN_STATE: stateDirectory(), KUBECONFIG: join(stateDirectory(), 'kubeconfig') }
  return runCommand(program, args, { ...options, env: { ...env, ...options.env } })
}

function lateen(
  line: string,
  options: CommandOptions & { readonly through?: readonly string[] } = {},
): Promise<CommandResult> {
  return run([LATEEN, ...words(line)], options)
}

function tryKubectl(line: string, options: CommandOptions = {}): Promise<CommandResult> {
  return run([KUBECTL, ...words(line)], options)
}

async function kubectl(line: string, options?: CommandOptions): Promise<string> {
  const result = await tryKubectl(line, options)
  assert.equal(result.status, 0, `kubectl ${line}\n${result.stdout}${result.stderr}`)
  return result.stdout
}

async function curl(url: string): Promise<string> {
  return (await runCommand('curl', ['-s', '--max-time', '5', url])).stdout.trim()
}

function recordedPid(name: string): number {
  return (JSON.parse(readFileSync(join(stateDirectory(), 'run', `${name}.pid`), 'utf8')) as { pid: number })
    .pid
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

/** What runs for the cluster's state directory. */
function processes(): readonly number[] {
  const { stdout } = spawnSync('pgrep', ['-f', '--', stateDirectory()], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

function logs(): string {
  return String(spawnSync('sh', ['-c', `tail -n 20 ${stateDirectory()}/logs/*.log`]).stdout)
}

const PROBE_POD = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { file.txt: from the map }
---
apiVersion: v1
kind: Pod
metadata: { name: probe }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: curlimages/curl
      command: [sh, -c]
      args:
        - |
          echo host=$(hostname)
          echo file=$(cat /etc/settings/file.txt)
          echo made | tee /etc/made /root/made /var/lib/made > /scratch/made && echo written=yes
          echo api=$(curl -sk -o /dev/null -w '%{http_code}' https://kubernetes.default.svc/api/v1/pods)
          sleep 3600
      volumeMounts:
        - { name: settings, mountPath: /etc/settings, readOnly: true }
        - { name: scratch, mountPath: /scratch }
  volumes:
    - { name: settings, configMap: { name: settings } }
    - { name: scratch, emptyDir: {} }
`

const USER_POD = `
apiVersion: v1
kind: Pod
metadata: { name: user }
spec:
  restartPolicy: Never
  securityContext: { runAsUser: 1234, runAsGroup: 5678, fsGroup: 5678 }
  containers:
    - name: main
      image: alpine
      command: [sh, -c, 'touch /scratch/mine && echo $(id -u) $(id -g) $(stat -c %u /scratch/mine)']
      volumeMounts: [{ name: scratch, mountPath: /scratch }]
  volumes: [{ name: scratch, emptyDir: {} }]
`
