import { spawn } from 'node:child_process'
import { closeSync, constants, fchownSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../../base/index.ts'
import { runCommand } from '../../../linux/index.ts'
import { readTextIfExists, writeFileAtomic } from '../files.ts'
import { wasOutOfMemory } from './cgroups.ts'
import { becomeUser, type ProcessUser } from './process-user.ts'
import { type BindMount, prepareRoot, type RootMode } from './root-filesystem.ts'
import { SYSTEM_PATH, systemProgram } from './system-program.ts'

/** What to run, in which namespaces, and where it leaves its traces. */
export interface LaunchOptions {
  /** The attempt's directory. */
  readonly directory: string
  readonly logFile: string
  readonly netns: string
  readonly uts: string
  readonly ipc: string
  readonly rootMode: RootMode
  readonly visiblePaths: readonly string[]
  readonly mounts: readonly BindMount[]
  readonly command: readonly string[]
  readonly workingDir: string
  readonly env: Readonly<Record<string, string>>
  /** Root when absent. */
  readonly user?: ProcessUser
  /** Directories that this user must be able to walk through. */
  readonly opened: readonly string[]
  /** The control group to run in. */
  readonly cgroup?: string
  /** Whether the program has an input: for every attach, or up to the end of the first. */
  readonly stdin: 'none' | 'open' | 'once'
  readonly tty: boolean
}

/** What a command that joins the container later must know of its start; lies beside its other traces. */
export interface LaunchRecord {
  readonly workingDir: string
  readonly user?: ProcessUser
}

export interface ContainerExit {
  readonly exitCode: number
  readonly finishedAtMs: number
  /** The kernel has killed it at its memory limit. */
  readonly isOutOfMemory?: boolean
  /** It ended for no fault of its own, and is started again at once. */
  readonly isLost?: boolean
}

/** The group with the container's limits, if there is one: what the shell starts from here on belongs to it. */
const ENTER_CGROUP = `if [ -s "$dir/cgroup" ]; then read -r group < "$dir/cgroup"; echo $$ > "$group/cgroup.procs"; fi`

/**
 * The parent of the container's program: it outlives the node agent, and writes the exit status to disk. It has
 * unshared its process namespace without entering it, so what it starts is the first process of that namespace; a
 * container costs this shell and the program. (`unshare --fork` would cost one more, and tells of a SIGKILL as 1.)
 */
const SHIM = `trap : TERM INT HUP
dir=$1; shift
echo $$ > "$dir/shim"
${ENTER_CGROUP}
"$@"
echo $? > "$dir/exit"`

/**
 * The same for a program whose input ends with the first attach. The pipe has no end while this shell holds it
 * open (3); USR1 says that the attach is over. A shell makes its background programs deaf to INT and QUIT.
 */
const SHIM_WITH_INPUT = `trap : TERM INT HUP
dir=$1; shift
echo $$ > "$dir/shim"
${ENTER_CGROUP}
exec 4<&0
env --default-signal=INT,QUIT "$@" <&4 3>&- 4<&- &
child=$!
exec 4<&-
trap 'exec 3>&-' USR1
while :; do wait "$child"; code=$?; kill -0 "$child" 2> /dev/null || break; done
echo "$code" > "$dir/exit"`

/**
 * Runs as the first process of the new mount and process namespaces and becomes the program: the rest of the
 * words, which begin with helpers (another user, more environment) when there is something for them to do.
 */
export const SETUP = `dir=$1; root=$2; cwd=$3; program=$4; shift 4
read -r pid rest < /proc/self/stat
exec 4> "$dir/pid"
mount -a -T "$dir/fstab" || exit 128
if [ -n "$root" ]; then cd "$root" && pivot_root . . && umount -c -l . || exit 128; fi
mkdir -p "$cwd" && cd "$cwd" || exit 128
export PATH="$LATEEN_PATH"; unset LATEEN_PATH
echo "$pid" >&4; exec 4>&-
command -v "$program" > /dev/null || { echo "exec: \\"$program\\": executable file not found in \\$PATH"; exit 127; }
exec "$@"`

/** Starts the container; the directory must exist and be empty. @throws when its files cannot be made or the shell does not start */
export async function launch(options: LaunchOptions, onExit: () => void): Promise<void> {
  const { directory } = options
  const { root, fstab } = prepareRoot({
    mode: options.rootMode,
    directory,
    visiblePaths: options.visiblePaths,
    mounts: options.mounts,
    opened: options.opened,
  })
  writeFileSync(join(directory, 'fstab'), fstab)
  if (options.cgroup !== undefined) writeFileSync(join(directory, 'cgroup'), `${options.cgroup}\n`)
  const { workingDir, user } = options
  const record: LaunchRecord = { workingDir, ...(user === undefined ? {} : { user }) }
  writeFileSync(join(directory, 'launch.json'), JSON.stringify(record))
  // If someone kills the shim, the program goes with it and nothing runs on unseen.
  const bound = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount']
  const program = [...becomeUser(user), ...unusualVariables(options.env), ...options.command]
  const setup = ['setup', directory, root, workingDir, options.command[0] ?? '']
  const inside = ['sh', '-c', SETUP, ...setup, ...program]
  const script = options.stdin === 'once' ? SHIM_WITH_INPUT : SHIM
  const shim = ['unshare', '--pid', '--', 'sh', '-c', script, 'lateen-shim', directory, ...bound, ...inside]
  const namespaces = [`--net=${options.netns}`, `--uts=${options.uts}`, `--ipc=${options.ipc}`]
  const args = [...namespaces, ...(options.tty ? onTerminal(shim) : shim)]
  const env = { ...options.env, PATH: SYSTEM_PATH, LATEEN_PATH: options.env['PATH'] ?? SYSTEM_PATH }
  if (options.tty || options.stdin !== 'none') await runCommand('mkfifo', ['-m', '600', inputPipe(directory)])
  await spawnShim({ args, env, options, onExit })
}

/** `script` gives the program a terminal, whose other end is the log and the pipe of the input. */
function onTerminal(words: readonly string[]): readonly string[] {
  const line = words.map((word) => shellQuoted(word)).join(' ')
  return [
    'script',
    '--quiet',
    '--flush',
    '--return',
    '--echo',
    'always',
    '--command',
    `exec ${line}`,
    '/dev/null',
  ]
}

/** As one word of a shell's command line: nothing in it means anything, and an apostrophe stands outside. */
function shellQuoted(word: string): string {
  const apostrophe = String.fromCharCode(39)
  const parts = word.split(apostrophe).map((part) => apostrophe + part + apostrophe)
  return parts.join(`\\${apostrophe}`)
}

function inputPipe(directory: string): string {
  return join(directory, 'stdin')
}

/** A shell passes on only variables whose names it could use itself; Kubernetes also has such as `spring.config`. */
function unusualVariables(env: Readonly<Record<string, string>>): readonly string[] {
  const unusual = Object.entries(env).filter(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (unusual.length === 0) return []
  return [systemProgram('env'), ...unusual.map(([name, value]) => `${name}=${value}`)]
}

function spawnShim({
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
  if (options.user !== undefined) fchownSync(log, options.user.uid, options.user.gid)
  const inputs = openInputs(options)
  return new Promise((resolve, reject) => {
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

/** The descriptors of the program's input: one to read from, and one that keeps it from ending. */
function openInputs({ directory, stdin, tty }: LaunchOptions): readonly number[] {
  if (stdin === 'none' && !tty) return []
  const both = openSync(inputPipe(directory), constants.O_RDWR)
  // A terminal's input has no end, and neither has one that may be attached to again.
  if (tty || stdin === 'open') return [both]
  return [openSync(inputPipe(directory), constants.O_RDONLY), both]
}

/** The input of a container's program, to write to. @returns undefined when it has none, or has ended */
export function openInput(directory: string): Socket | undefined {
  try {
    const fd = openSync(inputPipe(directory), constants.O_WRONLY | constants.O_NONBLOCK)
    return new Socket({ fd, readable: false, writable: true })
  } catch {
    return undefined
  }
}

/** Lets a program whose input is `once` see its end, after what was written. */
export function endInput(directory: string): void {
  const pid = shimPid(directory)
  if (pid !== undefined) sendSignal(pid, 'SIGUSR1')
}

/**
 * How the container ended. A shim that is gone without a word was killed, or the machine went down: Kubernetes
 * reports 137 for a container that it finds so.
 * @returns undefined while it runs
 */
export function readExit(directory: string): ContainerExit | undefined {
  const written = writtenExit(directory)
  if (written !== undefined) return written
  if (shimPid(directory) !== undefined) return undefined
  // It may have written the file between the two looks.
  const late = writtenExit(directory)
  if (late !== undefined) return late
  recordExit(directory, 137)
  return writtenExit(directory)
}

/** For containers without processes of their own. */
export function recordExit(directory: string, exitCode: number): void {
  writeFileAtomic(join(directory, 'exit'), `${exitCode}\n`)
}

/** What is on disk about the end, whoever wrote it. */
export function writtenExit(directory: string): ContainerExit | undefined {
  const path = join(directory, 'exit')
  const text = readTextIfExists(path)
  if (text === undefined || !text.endsWith('\n')) return undefined
  const group = readTextIfExists(join(directory, 'cgroup'))?.trim()
  const exit = { exitCode: Number(text), finishedAtMs: statSync(path).mtimeMs }
  return group !== undefined && exit.exitCode !== 0 && wasOutOfMemory(group)
    ? { ...exit, isOutOfMemory: true }
    : exit
}

/** The shim's process number; it is ours if its command line names the directory. @returns undefined when it is gone */
export function shimPid(directory: string): number | undefined {
  const pid = Number(readTextIfExists(join(directory, 'shim'))?.trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return commandLine.includes('lateen-shim') && commandLine.includes(directory) ? pid : undefined
  } catch {
    return undefined
  }
}

/** The container's first process on the host. @returns undefined until it has its root directory, and after its end */
export function initPid(directory: string): number | undefined {
  const text = readTextIfExists(join(directory, 'pid'))
  const pid = Number(text?.trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return isInitOf(directory, pid) ? pid : undefined
}

/** The number may have been given to another process since: ours is the first of its process namespace, below our shim. */
function isInitOf(directory: string, pid: number): boolean {
  if (writtenExit(directory) !== undefined) return false
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    // A zombie has ended, and all of its namespace with it; whoever adopted it may be slow to reap it.
    if (/^State:\s+[ZX]/m.test(status)) return false
    const numbers = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.trim().split(/\s+/) ?? []
    return numbers.length >= 2 && numbers.at(-1) === '1'
  } catch {
    return false
  }
}

/** How long a container may take from its start to its program. */
const SETUP_WAIT_MS = 5000
const SETUP_POLL_MS = 5

/** Waits for the first process of a container that was just started. @returns undefined when it has ended */
export async function waitForInit(directory: string, clock: Clock): Promise<number | undefined> {
  const deadline = clock.monotonic() + SETUP_WAIT_MS
  for (;;) {
    const pid = initPid(directory)
    if (pid !== undefined) return pid
    if (writtenExit(directory) !== undefined || clock.monotonic() > deadline) return undefined
    await clock.sleep(SETUP_POLL_MS)
  }
}

/** Sends a signal to the container's first process. */
export async function signalContainer(
  directory: string,
  signal: NodeJS.Signals,
  clock: Clock,
): Promise<void> {
  const pid = await waitForInit(directory, clock)
  // A container whose setup hangs has a shim only, with which everything ends.
  const target = pid ?? (signal === 'SIGKILL' ? shimPid(directory) : undefined)
  if (target !== undefined) sendSignal(target, signal)
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It ended by itself between the look and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The environment that the container's program was started with; empty when it has ended. */
export function containerEnvironment(pid: number): Readonly<Record<string, string>> {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return Object.fromEntries(entries.filter((entry) => entry.includes('=')).map((entry) => splitOnce(entry)))
  } catch {
    return {} // it ended between the look and the read
  }
}

function splitOnce(entry: string): readonly [string, string] {
  const at = entry.indexOf('=')
  return [entry.slice(0, at), entry.slice(at + 1)]
}
