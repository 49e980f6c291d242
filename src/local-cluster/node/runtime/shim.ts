import { join } from 'node:path'
import { giveUpRights, type ProcessRights } from './process-rights.ts'
import { systemProgram } from './system-program.ts'

/** How a container's program is connected: what decides which scripts stand between it and the node agent. */
export interface ShimOptions {
  /** The attempt's directory. */
  readonly directory: string
  /** The new root for the program; '' for the machine's own. */
  readonly root: string
  readonly workingDir: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly rights: ProcessRights
  /** Places in the container's view that are to be read-only, beside the layers of its root; none when absent. */
  readonly readOnly?: readonly string[]
  /** Whether the program has an input: for every attach, or up to the end of the first. */
  readonly stdin: 'none' | 'open' | 'once'
  readonly tty: boolean
  /** The process namespace to join, as a file; a new one when absent. */
  readonly pidNamespace?: string
}

/** The group with the container's limits, if there is one: what the shell starts from here on belongs to it. */
const ENTER_CGROUP = `if [ -s "$dir/cgroup" ]; then read -r group < "$dir/cgroup"; echo $$ > "$group/cgroup.procs"; fi`

/** The first shell says who it is and, at the end, how it went; one inside of it leaves both to the first. */
const RECORDS = {
  first: { begin: `echo $$ > "$dir/shim"\n${ENTER_CGROUP}`, end: 'echo "$code" > "$dir/exit"' },
  inner: { begin: 'echo $$ > "$dir/inner"', end: 'exit "$code"' },
} as const

/** Its presence in the attempt's directory says that the attach is over whose input was the program's only one. */
export const INPUT_OVER = 'input-over'

/** Waits for a child although signals, which a shell passes on to nobody, cut the wait short. */
const WAIT_FOR_CHILD = 'while :; do wait "$child"; code=$?; kill -0 "$child" 2> /dev/null || break; done'

/**
 * The parent of the container's program: it outlives the node agent, and writes the exit status to disk. It has
 * unshared its process namespace without entering it, so what it starts is the first process of that namespace; a
 * container costs this shell and the program. (`unshare --fork` would cost one more, and tells of a SIGKILL as 1.)
 */
function shim({ begin, end }: { readonly begin: string; readonly end: string }): string {
  return `trap : TERM INT HUP
dir=$1; shift
${begin}
"$@"
code=$?
${end}`
}

/**
 * The same for a program whose input ends with the first attach. The pipe has no end while this shell holds it
 * open (3); USR1 says that the attach is over, and a file says so to a shell that was not there yet. A shell makes its
 * background programs deaf to INT and QUIT.
 */
function shimWithInput({ begin, end }: { readonly begin: string; readonly end: string }): string {
  return `trap : TERM INT HUP
trap 'exec 3>&-' USR1
dir=$1; shift
${begin}
if [ -e "$dir/${INPUT_OVER}" ]; then exec 3>&-; fi
exec 4<&0
env --default-signal=INT,QUIT "$@" <&4 3>&- 4<&- &
child=$!
exec 4<&-
${WAIT_FOR_CHILD}
${end}`
}

/**
 * Around the shim of a program that people talk with: its outputs pass through two \`tee\`s, to the log and to a file
 * each, so that an attach gets them apart. The exit is told when the last word has been written. USR1, which is for
 * the shell inside, comes here where that one has ended already.
 */
const SPLIT_OUTPUTS = `trap : TERM INT HUP USR1
dir=$1; shift
${RECORDS.first.begin}
for name in stdout stderr; do mkfifo -m 666 "$dir/$name-pipe"; tee -a "$dir/$name" < "$dir/$name-pipe" 3>&- & done
exec 4<&0
"$@" <&4 > "$dir/stdout-pipe" 2> "$dir/stderr-pipe" 4<&- &
child=$!
exec 3>&- 4<&-
${WAIT_FOR_CHILD}
wait
${RECORDS.first.end}`

/**
 * Runs as the first process of the new mount and process namespaces and becomes the program: the rest of the
 * words, which begin with helpers (another user, more environment) when there is something for them to do.
 */
export const SETUP = `dir=$1; root=$2; cwd=$3; frozen=$4; program=$5; shift 5
read -r pid rest < /proc/self/stat
exec 4> "$dir/pid" 5> "$dir/start-error"
why=$(mount -a -T "$dir/fstab" 2>&1) || { echo "$why" >&5; exit 128; }
if [ -n "$root" ]; then { cd "$root" && pivot_root . . && umount -c -l .; } 2>&5 || exit 128; fi
{ mkdir -p "$cwd" && cd "$cwd"; } 2>&5 || exit 128
if [ -n "$frozen" ]; then
  for place in $(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - overlay .*$/\\1/p' /proc/self/mountinfo) $frozen; do
    mount -o remount,bind,ro "$place" 2>&5 || exit 128
  done
fi
export PATH="$LATEEN_PATH"; unset LATEEN_PATH
echo "$pid" >&4; exec 4>&-
if ! command -v -- "$program" > /dev/null; then
  case $program in
    */*) if [ -e "$program" ]; then why="permission denied"; else why="no such file or directory"; fi
      echo "exec: \\"$program\\": stat $program: $why" >&5 ;;
    *) echo "exec: \\"$program\\": executable file not found in \\$PATH" >&5 ;;
  esac
  exit 128
fi
exec 5>&-
exec "$@"`

/** Whether the program's outputs are kept apart, beside the log that has both. */
export function hasSplitOutputs({ stdin, tty }: Pick<ShimOptions, 'stdin' | 'tty'>): boolean {
  return stdin !== 'none' && !tty
}

/** Where the outputs are that are kept apart. */
export function outputFiles(directory: string): { readonly stdout: string; readonly stderr: string } {
  return { stdout: join(directory, 'stdout'), stderr: join(directory, 'stderr') }
}

/** The whole command line, from the shell that records the exit to the container's program. */
export function shimCommand(options: ShimOptions): readonly string[] {
  const { directory, root, workingDir, command, pidNamespace } = options
  const program = [...giveUpRights(options.rights), ...unusualVariables(options.env), ...command]
  const readOnly = (options.readOnly ?? []).join(' ')
  const about = [directory, root, workingDir, readOnly, command[0] ?? '']
  const setup = ['sh', '-c', SETUP, 'setup', ...about, ...program]
  // If someone kills the shim, the program goes with it and nothing runs on unseen.
  const inside = [...BOUND, 'unshare', '--mount', ...setup]
  const split = hasSplitOutputs(options)
  const records = RECORDS[split ? 'inner' : 'first']
  const script = options.stdin === 'once' ? shimWithInput(records) : shim(records)
  const namespace =
    pidNamespace === undefined ? ['unshare', '--pid'] : ['nsenter', '--no-fork', `--pid=${pidNamespace}`]
  const words = [...namespace, '--', 'sh', '-c', script, 'lateen-shim', directory, ...inside]
  if (split) return ['sh', '-c', SPLIT_OUTPUTS, 'lateen-shim', directory, ...BOUND, ...words]
  return options.tty ? onTerminal(words) : words
}

const BOUND = ['setpriv', '--pdeathsig', 'KILL'] as const

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

/** A shell passes on only variables whose names it could use itself; Kubernetes also has such as `spring.config`. */
function unusualVariables(env: Readonly<Record<string, string>>): readonly string[] {
  const unusual = Object.entries(env).filter(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (unusual.length === 0) return []
  return [systemProgram('env'), ...unusual.map(([name, value]) => `${name}=${value}`)]
}
