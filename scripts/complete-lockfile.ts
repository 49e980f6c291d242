/**
 * Completes package-lock.json after `npm install`: optional packages for other platforms that the registry in use does
 * not carry are left out by npm, and `npm ci` then refuses the file. Their versions are known from the packages that
 * name them, their platforms from their names; they are written down without integrity, as optional.
 *   node scripts/complete-lockfile.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './run.ts'

interface LockedPackage {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lockfile {
  readonly packages: Record<string, LockedPackage>
}

const SYSTEMS = [
  'linux',
  'darwin',
  'win32',
  'freebsd',
  'android',
  'openharmony',
  'netbsd',
  'openbsd',
  'sunos',
  'aix',
] as const
const PROCESSORS: Readonly<Record<string, string>> = {
  x64: 'x64',
  arm64: 'arm64',
  aarch64: 'arm64',
  arm: 'arm',
  armv7: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  wasm32: 'wasm32',
}

export function completeLockfile(lockfile: Lockfile): readonly string[] {
  const added: string[] = []
  for (const locked of Object.values(lockfile.packages)) {
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`
      const platform = platformOf(name)
      if (lockfile.packages[path] !== undefined || platform === undefined) continue
      lockfile.packages[path] = { version, ...platform, ...(locked.dev ? { dev: true } : {}), optional: true }
      added.push(name)
    }
  }
  const sorted = Object.entries(lockfile.packages).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [path] of sorted) delete lockfile.packages[path]
  for (const [path, locked] of sorted) lockfile.packages[path] = locked
  return added
}

/** `@scope/tool-win32-arm64-msvc` is for Windows on ARM. @returns undefined when the name tells no platform */
export function platformOf(
  name: string,
): { readonly os?: readonly string[]; readonly cpu: readonly string[] } | undefined {
  const words = name.split(/[-/_]/)
  const os = SYSTEMS.find((system) => words.includes(system))
  const cpu = Object.entries(PROCESSORS).find(([word]) =>
    words.some((one) => one === word || one.startsWith(`${word}eabi`)),
  )?.[1]
  if (cpu === undefined) return undefined
  return { ...(os === undefined ? {} : { os: [os] }), cpu: [cpu] }
}

if (import.meta.main) {
  const path = join(REPOSITORY, 'package-lock.json')
  const lockfile = JSON.parse(readFileSync(path, 'utf8')) as Lockfile
  const added = completeLockfile(lockfile)
  writeFileSync(path, `${JSON.stringify(lockfile, undefined, 2)}\n`)
  console.log(added.length === 0 ? 'nothing was missing' : `added ${added.join(', ')}`)
}
