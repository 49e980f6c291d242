import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { runCommand } from '../../../linux/index.ts'
import { parseQuantity } from '../../../kube/index.ts'

/** Mounts a file system in memory, once. @param sizeLimit a quantity; the kernel's half of the memory when absent */
export async function mountMemory(
  directory: string,
  options: { readonly sizeLimit: string | undefined; readonly group: number | undefined },
): Promise<void> {
  if (mountsBelow(directory).includes(directory)) return
  mkdirSync(directory, { recursive: true })
  const { group } = options
  const bytes = (parseQuantity(options.sizeLimit ?? '')?.nanos ?? 0n) / 1_000_000_000n
  const words = [
    group === undefined ? 'mode=0777' : `mode=02777,gid=${group}`,
    'nosuid,nodev',
    ...(bytes > 0n ? [`size=${bytes}`] : []),
  ]
  await runCommand('mount', ['-t', 'tmpfs', '-o', words.join(','), 'lateen-memory', directory])
}

/** Takes away every mount of this machine below the directory, the innermost first. */
export async function unmountBelow(directory: string): Promise<void> {
  const paths = existsSync(directory) ? mountsBelow(directory) : []
  if (paths.length > 0) await runCommand('umount', ['-l', ...paths.toReversed()])
}

function mountsBelow(directory: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((path) => path === directory || path.startsWith(`${directory}/`))
}

/** The kernel writes blanks in paths as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(parseInt(digits, 8)))
}
