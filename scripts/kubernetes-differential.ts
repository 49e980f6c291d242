/**
 * Compares our API server with a real kube-apiserver and etcd, which are built from their Go modules on first use.
 *   node scripts/kubernetes-differential.ts [--kubectl=PATH|old] [groups of cases…]
 *   node scripts/kubernetes-differential.ts --performance
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { KUBECTL, OLD_KUBECTL } from '../test/support/cluster.ts'
import { installOldKubectl } from './old-kubectl.ts'
import { inOwnNetwork } from './own-network.ts'
import { isInstalled, REPOSITORY, run, step } from './run.ts'
import { setup } from './setup.ts'

const PROGRAMS = join(REPOSITORY, '.tools/reference')
const MODULES = join(REPOSITORY, 'test/kubernetes/reference')
const VERSION = 'k8s.io/component-base/version'
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'] as const
/** What the inner process and our server are called with. */
const INSIDE = '--inside'
const SERVE = '--serve'

const words = process.argv.slice(2)
if (words[0] === SERVE) {
  const { serve } = await import('../test/kubernetes/index.ts')
  await serve(words[1] ?? '', Number(words[2]))
} else if (words[0] === INSIDE) process.exitCode = await inside(words.slice(1))
else process.exitCode = await enter()

async function enter(): Promise<number> {
  await step('set-up', () => setup({ tests: false }))
  await step('real kube-apiserver and etcd', buildReference)
  if (chosen(words).client === 'old') await step('kubectl 1.20', installOldKubectl)
  process.on('SIGINT', () => {}) // the inner process gets it too and stops its servers; then the network goes
  return inOwnNetwork(([command, ...before]) =>
    run(command, [...before, ...NODE, import.meta.filename, INSIDE, ...words]),
  )
}

/** Slow the first time (some minutes of one core); the versions are those of go.mod. */
async function buildReference(): Promise<number> {
  const targets = [
    ['etcd', 'go.etcd.io/etcd/server/v3', ''],
    ['kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', kubernetesVersion()],
  ] as const
  const missing = targets.filter(([name]) => !existsSync(join(PROGRAMS, name)))
  if (missing.length === 0) return 0
  if (!isInstalled('go')) {
    console.error('✗ Go is not installed; the real kube-apiserver is built with it (https://go.dev/dl/).')
    return 69
  }
  mkdirSync(PROGRAMS, { recursive: true })
  for (const [name, module, flags] of missing) {
    console.log(`• building ${name} …`)
    const output = join(PROGRAMS, name)
    const build = ['go', '-C', MODULES, 'build', '-trimpath', '-buildvcs=false', '-p=1', '-o', output]
    const result = await run('nice', ['-n', '19', ...build, '-ldflags', `-s -w ${flags}`, module])
    if (result !== 0) return result
  }
  return 0
}

/** kube-apiserver's own build sets its version by the linker; without it clients would be told v0.0.0. */
function kubernetesVersion(): string {
  const listed = spawnSync('go', ['-C', MODULES, 'list', '-m', '-f', '{{.Version}}', 'k8s.io/kubernetes'], {
    encoding: 'utf8',
  })
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(listed.stdout ?? '') ?? []
  return `-X ${VERSION}.gitVersion=${listed.stdout?.trim()} -X ${VERSION}.gitMajor=${major} -X ${VERSION}.gitMinor=${minor}`
}

/** Old clients ask in other ways: the same table with one of them has a list of differences of its own. */
function chosen(args: readonly string[]) {
  const options = { kubectl: { type: 'string' }, performance: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const { kubectl, performance = false } = values
  const program = kubectl === undefined ? KUBECTL : kubectl === 'old' ? OLD_KUBECTL : resolve(kubectl)
  const client = kubectl === 'old' ? ('old' as const) : ('current' as const)
  return { kubectl: program, client, performance, groups: positionals }
}

async function inside(args: readonly string[]): Promise<number> {
  const { compareAll, measureAll, startOurs, startReference } = await import('../test/kubernetes/index.ts')
  const directory = mkdtempSync(join(tmpdir(), 'lateen-differential-'))
  const ours: readonly [string, ...string[]] = [...NODE, import.meta.filename, SERVE]
  const reference = { etcd: join(PROGRAMS, 'etcd'), apiserver: join(PROGRAMS, 'kube-apiserver') }
  const common = { directory, print: (line: string) => console.log(line) }
  const { performance, ...selection } = chosen(args)
  if (performance) {
    await measureAll({
      ...common,
      ours: () => startOurs(join(directory, 'lateen'), ours),
      reference: () => startReference(join(directory, 'kubernetes'), reference),
    })
    rmSync(directory, { recursive: true })
    return 0
  }
  const started = await Promise.allSettled([
    startOurs(join(directory, 'lateen'), ours),
    startReference(join(directory, 'kubernetes'), reference),
  ])
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const abort = () => void Promise.all(servers.map((server) => server.stop()))
  process.once('SIGINT', abort)
  try {
    const [lateen, kubernetes] = servers
    const failed = started.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
    if (!lateen || !kubernetes) throw new Error('a server is missing')
    const failures = await compareAll({ ...common, ...selection, lateen, kubernetes })
    console.log(`The answers are in ${join(directory, 'comparison.json')}.`)
    return failures === 0 ? 0 : 1
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}
