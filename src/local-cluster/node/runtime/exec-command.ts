import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../base/index.ts'
import type { HostedInstance } from '../../../linux/index.ts'
import { readJsonIfExists } from '../files.ts'
import type { PodPaths } from '../paths.ts'
import { containerEnvironment, type LaunchRecord, waitForInit } from './process-container.ts'
import { giveUpRights } from './process-rights.ts'
import { prepareRoot, type RootMode } from './root-filesystem.ts'
import { SETUP } from './shim.ts'
import { SYSTEM_PATH, systemProgram } from './system-program.ts'

/** A run of a container that commands can join. */
export type ExecTarget =
  | { readonly kind: 'process'; readonly directory: string }
  /** Without processes of its own: a command gets the pod's namespaces and a view of the files as a container has it. */
  | {
      readonly kind: 'hosted'
      readonly directory: string
      readonly pathsOf: (podUid: string) => Pick<PodPaths, 'uts' | 'ipc'>
      readonly rootMode: RootMode
      readonly visiblePaths: readonly string[]
    }

export interface ExecCommand {
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Takes away what was made for this command alone. */
  readonly cleanUp: () => void
}

/**
 * The command line that runs a command beside a container's program. Killing its first process ends the command.
 * @returns undefined when the container does not run
 */
export async function execCommand(
  target: ExecTarget,
  command: readonly string[],
  options: { readonly tty: boolean; readonly clock: Clock },
): Promise<ExecCommand | undefined> {
  if (target.kind === 'hosted') return hostedCommand(target, command, options.tty)
  const pid = await waitForInit(target.directory, options.clock)
  if (pid === undefined) return undefined
  const record = readJsonIfExists(join(target.directory, 'launch.json')) as LaunchRecord | undefined
  return {
    words: [
      ...insideCgroup(target.directory),
      systemProgram('nsenter'),
      '--target',
      String(pid),
      ...NAMESPACES,
      '--',
      ...session(options.tty),
      ...giveUpRights(record?.rights ?? {}),
      // The directory is that of the container, into which nsenter has no way of its own.
      systemProgram('env'),
      `--chdir=${record?.workingDir ?? '/'}`,
      ...command,
    ],
    env: { ...containerEnvironment(pid), ...(options.tty ? { TERM: 'xterm' } : {}) },
    cleanUp: () => {},
  }
}

/** What somebody runs in a container counts against its limits. */
function insideCgroup(directory: string): readonly string[] {
  const file = join(directory, 'cgroup')
  if (!existsSync(file)) return []
  const script = 'read -r group < "$1"; echo $$ > "$group/cgroup.procs"; shift; exec "$@"'
  return [systemProgram('sh'), '-c', script, 'enter', file]
}

const NAMESPACES = ['--mount', '--uts', '--ipc', '--net', '--pid'] as const

/** With a terminal the command leads a session of its own, to which the terminal belongs. */
function session(tty: boolean): readonly string[] {
  const bound = [systemProgram('setpriv'), '--pdeathsig', 'KILL', '--']
  return tty ? [...bound, systemProgram('setsid'), '--ctty'] : bound
}

function hostedCommand(
  target: Extract<ExecTarget, { readonly kind: 'hosted' }>,
  command: readonly string[],
  tty: boolean,
): ExecCommand | undefined {
  const instance = readJsonIfExists(join(target.directory, 'instance.json')) as HostedInstance | undefined
  if (instance === undefined) return undefined
  const directory = mkdtempSync(join(target.directory, 'exec-'))
  const cleanUp = () => rmSync(directory, { recursive: true, force: true })
  try {
    const mounts = instance.mounts.map((mount) => ({ ...mount, readOnly: true }))
    const { root, fstab } = prepareRoot({
      mode: target.rootMode,
      directory,
      visiblePaths: target.visiblePaths,
      mounts,
    })
    writeFileSync(join(directory, 'fstab'), fstab)
    const { env } = instance
    const unshared = [systemProgram('unshare'), '--mount', '--pid', '--fork', '--kill-child']
    const setup = ['sh', '-c', SETUP, 'setup', directory, root, '/', '', 'true', systemProgram('env')]
    const { uts, ipc } = target.pathsOf(instance.podUid)
    return {
      words: [
        systemProgram('nsenter'),
        `--net=${instance.netns}`,
        `--uts=${uts}`,
        `--ipc=${ipc}`,
        ...unshared,
        ...session(tty),
        ...setup,
        ...command,
      ],
      env: {
        ...env,
        PATH: SYSTEM_PATH,
        LATEEN_PATH: env['PATH'] ?? SYSTEM_PATH,
        ...(tty ? { TERM: 'xterm' } : {}),
      },
      cleanUp,
    }
  } catch (error) {
    cleanUp()
    throw error
  }
}
