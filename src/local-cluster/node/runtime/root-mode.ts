import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../../linux/index.ts'
import { prepareSkeleton } from './layers.ts'
import type { RootMode } from './root-filesystem.ts'

/** Tries an overlay of the machine's files once: some file systems (another overlay, NFS) cannot carry the upper layer. */
export async function findRootMode(stateDir: string): Promise<RootMode> {
  const directory = join(stateDir, 'run', 'overlay-probe')
  for (const name of ['lower', 'upper', 'work', 'root']) mkdirSync(join(directory, name), { recursive: true })
  try {
    if (await overlayWorks(directory, 'lowerdir=/')) return 'overlay'
    if (!(await overlayWorks(directory, `userxattr,lowerdir=${directory}/lower`))) return 'shared'
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  const skeleton = join(stateDir, 'run', 'skeleton')
  prepareSkeleton(skeleton)
  return { skeleton }
}

function overlayWorks(directory: string, lower: string): Promise<boolean> {
  const layers = `${lower},upperdir=${directory}/upper,workdir=${directory}/work`
  const mount = ['mount', '-t', 'overlay', 'overlay', '-o', layers, join(directory, 'root')]
  return runCommand('unshare', ['--mount', ...mount]).then(
    () => true,
    () => false,
  )
}
