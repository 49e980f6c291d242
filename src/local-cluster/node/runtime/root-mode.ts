import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../../linux/index.ts'
import type { RootMode } from './root-filesystem.ts'

/** Tries an overlay of the machine's files once: some file systems (another overlay, NFS) cannot carry the upper layer. */
export async function findRootMode(stateDir: string): Promise<RootMode> {
  const directory = join(stateDir, 'run', 'overlay-probe')
  for (const name of ['upper', 'work', 'root']) mkdirSync(join(directory, name), { recursive: true })
  const layers = `lowerdir=/,upperdir=${directory}/upper,workdir=${directory}/work`
  try {
    await runCommand('unshare', [
      '--mount',
      'mount',
      '-t',
      'overlay',
      'overlay',
      '-o',
      layers,
      join(directory, 'root'),
    ])
    return 'overlay'
  } catch {
    return 'shared'
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
