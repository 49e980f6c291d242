/**
 * Debian's kubectl 1.20, unpacked below `.tools`: old clients ask in other ways than new ones, and are still about.
 *   node scripts/old-kubectl.ts
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OLD_KUBECTL } from '../test/support/cluster.ts'
import { isInstalled } from './run.ts'

const PACKAGE = 'kubernetes-client'
const FOLDER = dirname(dirname(dirname(OLD_KUBECTL))) // the package has it in usr/bin

/** @returns 0 when it is there; otherwise what is missing has been said */
export function installOldKubectl(): number {
  if (existsSync(OLD_KUBECTL)) return 0
  if (!isInstalled('apt-get') || !isInstalled('dpkg')) {
    console.error(
      `✗ kubectl 1.20 comes from Debian 12's package ${PACKAGE}; put its program at ${OLD_KUBECTL}`,
    )
    return 69
  }
  const fresh = `${FOLDER}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  let file = download(fresh)
  if (file === undefined) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    file = download(fresh)
  }
  if (file === undefined || !file.includes('_1.20.')) {
    console.error(
      `✗ apt-get has ${file ?? `no ${PACKAGE}`}, and wanted is 1.20 of Debian 12 (bookworm); add it to the sources, or put its program at ${OLD_KUBECTL}`,
    )
    return 69
  }
  const unpacked = spawnSync('dpkg', ['-x', join(fresh, file), fresh], { stdio: 'inherit' })
  if (unpacked.status !== 0) return unpacked.status ?? 1
  rmSync(join(fresh, file))
  renameSync(fresh, FOLDER)
  return 0
}

/** @returns the name of the file; undefined where there is none */
function download(folder: string): string | undefined {
  spawnSync('apt-get', ['download', '-qq', PACKAGE], { cwd: folder, stdio: 'ignore' })
  return readdirSync(folder).find((name) => name.startsWith(`${PACKAGE}_`))
}

if (import.meta.main) process.exitCode = installOldKubectl()
