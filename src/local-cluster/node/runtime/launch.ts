import { spawn } from 'node:child_process'
import { chmodSync, closeSync, existsSync, fchownSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openInputs } from './container-input.ts'
import type { LaunchRecord } from './process-container.ts'
import { type BindMount, prepareRoot, type RootMode, terminationLog } from './root-filesystem.ts'
import { hasSplitOutputs, outputFiles, type ShimOptions, shimCommand } from './shim.ts'
import { SYSTEM_PATH } from './system-program.ts'

/** What to run, in which namespaces, and where it leaves its traces. */
export interface LaunchOptions extends Omit<ShimOptions, 'root'> {
  readonly logFile: string
  readonly netns: string
  readonly uts: string
  readonly ipc: string
  readonly rootMode: RootMode
  readonly visiblePaths: readonly string[]
  readonly mounts: readonly BindMount[]
  /** Directories that this user must be able to walk through. */
  readonly opened: readonly string[]
  /** Where the program leaves its last words. */
  readonly terminationMessagePath: string
  /** The control group to run in. */
  readonly cgroup?: string
}

/** Starts the container; the directory must exist and be empty. @throws when its files cannot be made or the shell does not start */
export async function launch(options: LaunchOptions, onExit: () => void): Promise<void> {
  const { directory } = options
  const { root, fstab } = prepareRoot({
    mode: options.rootMode,
    directory,
    visiblePaths: options.visiblePaths,
    mounts: [...options.mounts, ...terminationMount(options)],
    opened: options.opened,
  })
  writeFileSync(join(directory, 'fstab'), fstab)
  // Whoever the program runs as.
  if (existsSync(terminationLog(directory))) chmodSync(terminationLog(directory), 0o666)
  if (options.cgroup !== undefined) writeFileSync(join(directory, 'cgroup'), `${options.cgroup}\n`)
  const { workingDir, rights } = options
  const record: LaunchRecord = {
    workingDir,
    rights,
    ...(options.pidNamespace === undefined ? {} : { sharesProcesses: true }),
  }
  writeFileSync(join(directory, 'launch.json'), JSON.stringify(record))
  // There for whoever attaches before the program has said anything.
  if (hasSplitOutputs(options))
    for (const file of Object.values(outputFiles(directory))) writeFileSync(file, '', { mode: 0o600 })
  const args = [
    `--net=${options.netns}`,
    `--uts=${options.uts}`,
    `--ipc=${options.ipc}`,
    ...shimCommand({ ...options, root }),
  ]
  const env = { ...options.env, PATH: SYSTEM_PATH, LATEEN_PATH: options.env['PATH'] ?? SYSTEM_PATH }
  await spawnShim({ args, env, options, onExit })
}

export const DEFAULT_TERMINATION_PATH = '/dev/termination-log'

/** The file is mounted where the program expects it; below /dev, which is the container's own, it just lies there. */
function terminationMount({ directory, terminationMessagePath }: LaunchOptions): readonly BindMount[] {
  if (terminationMessagePath.startsWith('/dev/')) return []
  const hostPath = terminationFile(directory, terminationMessagePath)
  writeFileSync(hostPath, '')
  chmodSync(hostPath, 0o666)
  return [{ hostPath, mountPath: terminationMessagePath, readOnly: false }]
}

/** Where that file is on the machine. @param path in the container */
export function terminationFile(directory: string, path: string): string {
  return path.startsWith('/dev/') ? terminationLog(directory, path) : join(directory, 'termination-log')
}

async function spawnShim({
  args,
  env,
  options,
  onExit,
}: {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly options: LaunchOptions
  readonly onExit: () => void
}): Promise<void> {
  const log = openSync(options.logFile, 'a', 0o600)
  // A program that opens /dev/stdout anew needs the right to.
  const { user } = options.rights
  if (user !== undefined) fchownSync(log, user.uid, user.gid)
  const inputs = await openInputs(options)
  await new Promise<void>((resolve, reject) => {
    const child = spawn('nsenter', args, {
      stdio: [inputs[0] ?? 'ignore', log, log, ...inputs.slice(1)],
      detached: true,
      cwd: '/',
      env: { ...env },
    })
    for (const fd of [log, ...inputs]) closeSync(fd)
    child.on('error', (error) =>
      reject(new Error(`the container did not start: ${error.message}`, { cause: error })),
    )
    child.on('exit', onExit)
    child.on('spawn', () => {
      child.unref()
      resolve()
    })
  })
}
