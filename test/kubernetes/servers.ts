import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { systemClock } from '../../src/base/index.ts'
import { createPki, type Pki } from '../../src/local-cluster/apiserver/index.ts'
import { waitFor } from '../support/wait.ts'

export interface ReferencePrograms {
  readonly etcd: string
  readonly apiserver: string
}

/** A running API server, ours or the real one, with its administrator's certificate. */
export interface Server {
  readonly name: 'lateen' | 'kubernetes'
  readonly directory: string
  readonly host: string
  readonly port: number
  readonly pki: Pki
  /** from the start of the first process to the first good answer of /readyz */
  readonly startSeconds: number
  readonly pids: readonly number[]
  readonly stop: () => Promise<void>
}

/** In the network that the run has for itself; the same port for both, since it is part of some answers. */
const HOSTS = { lateen: '127.0.0.1', kubernetes: '127.0.0.2' } as const
const PORTS = { apiserver: 6443, etcd: 2379, etcdPeers: 2380 } as const
const START_DEADLINE_MS = 120_000

/** @param command starts our server: the words before its directory and its port */
export async function startOurs(directory: string, command: readonly [string, ...string[]]): Promise<Server> {
  const pki = await prepare(directory)
  const port = PORTS.apiserver
  const started = performance.now()
  const process = run(directory, 'lateen', [...command, directory, String(port)])
  return whenReady({ name: 'lateen', host: HOSTS.lateen, directory, port, pki }, [process], started)
}

/** etcd, and kube-apiserver with the address ranges that ours has, so that answers may be compared. */
export async function startReference(directory: string, programs: ReferencePrograms): Promise<Server> {
  const pki = await prepare(directory)
  const started = performance.now()
  const etcd = run(directory, 'etcd', [
    programs.etcd,
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${PORTS.etcd}`,
    `--advertise-client-urls=http://127.0.0.1:${PORTS.etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${PORTS.etcdPeers}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${PORTS.etcdPeers}`,
    `--initial-cluster=default=http://127.0.0.1:${PORTS.etcdPeers}`,
    '--log-level=error',
  ])
  const files = join(directory, 'pki')
  writeFileSync(join(files, 'service-account.pub'), pki.serviceAccountKey.publicPem)
  const port = PORTS.apiserver
  const apiserver = run(directory, 'kube-apiserver', [
    programs.apiserver,
    `--etcd-servers=http://127.0.0.1:${PORTS.etcd}`,
    `--bind-address=${HOSTS.kubernetes}`,
    `--secure-port=${port}`,
    '--advertise-address=10.42.0.1',
    `--client-ca-file=${join(files, 'ca.crt')}`,
    `--tls-cert-file=${join(files, 'apiserver.crt')}`,
    `--tls-private-key-file=${join(files, 'apiserver.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-signing-key-file=${join(files, 'service-account.key')}`,
    `--service-account-key-file=${join(files, 'service-account.pub')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.43.0.0/16',
    '--allow-privileged=true',
  ])
  return whenReady(
    { name: 'kubernetes', host: HOSTS.kubernetes, directory, port, pki },
    [etcd, apiserver],
    started,
  )
}

async function prepare(directory: string): Promise<Pki> {
  mkdirSync(directory, { recursive: true })
  return createPki({
    directory: join(directory, 'pki'),
    clock: systemClock,
    serverNames: Object.values(HOSTS),
  })
}

function run(directory: string, name: string, command: readonly string[]): ChildProcess {
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  const log = createWriteStream(join(directory, `${name}.log`))
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  return child
}

async function whenReady(
  server: Pick<Server, 'name' | 'directory' | 'host' | 'port' | 'pki'>,
  processes: readonly ChildProcess[],
  started: number,
): Promise<Server> {
  const stop = () => stopAll(processes)
  try {
    await waitFor(
      `${server.name} to be ready; its logs are in ${server.directory}`,
      async () => {
        return processes.some(hasEnded) || (await status(server, '/readyz')) === 200
      },
      { deadlineMs: START_DEADLINE_MS },
    )
    const ended = processes.find(hasEnded)
    if (ended) throw new Error(`${ended.spawnfile} ended; its log is in ${server.directory}`)
  } catch (error) {
    await stop()
    throw error
  }
  const startSeconds = (performance.now() - started) / 1000
  const pids = processes.flatMap((process) => (process.pid === undefined ? [] : [process.pid]))
  return { ...server, startSeconds, pids, stop }
}

function hasEnded(process: ChildProcess): boolean {
  return process.exitCode !== null || process.signalCode !== null
}

/** The last started first: a kube-apiserver without its etcd would not end. */
async function stopAll(processes: readonly ChildProcess[]): Promise<void> {
  for (const process of processes.toReversed()) {
    if (hasEnded(process)) continue
    const ended = new Promise((resolve) => process.once('exit', resolve))
    process.kill('SIGTERM')
    const hard = setTimeout(() => process.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(hard)
  }
}

function status(server: Pick<Server, 'host' | 'port' | 'pki'>, path: string): Promise<number> {
  const { caCertificate: ca, admin } = server.pki
  return new Promise((resolve, reject) => {
    request(
      {
        host: server.host,
        port: server.port,
        path,
        ca,
        cert: admin.certificate,
        key: admin.key,
        timeout: 2_000,
      },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
      .on('timeout', function (this: import('node:http').ClientRequest) {
        this.destroy(new Error('no answer'))
      })
      .on('error', reject)
      .end()
  })
}

/** A kubeconfig whose context is in the given namespace. @returns its path */
export function kubeconfigFor(server: Server, namespace: string): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const path = join(server.directory, `kubeconfig-${namespace}`)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'it',
        cluster: {
          'certificate-authority-data': base64(server.pki.caCertificate),
          server: `https://${server.host}:${server.port}`,
        },
      },
    ],
    users: [
      {
        name: 'admin',
        user: {
          'client-certificate-data': base64(server.pki.admin.certificate),
          'client-key-data': base64(server.pki.admin.key),
        },
      },
    ],
    contexts: [{ name: 'it', context: { cluster: 'it', user: 'admin', namespace } }],
    'current-context': 'it',
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  return path
}
