import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Package managers of general-purpose images: the programs are the machine's, so there is nothing to install. */
const INSTALLERS = ['apk']

const SCRIPT = `#!/bin/sh
echo "$(basename "$0"): this node runs the machine's own programs, nothing is installed" >&2
exit 0
`

/** Names that images have and Debian has not, and what stands for them. */
const STAND_INS = [['python', 'python3']] as const

/** A directory at the end of every container's PATH, with what a script may expect and the machine has not. */
export function prepareShellDirectory(stateDir: string): string {
  const directory = join(stateDir, 'run', 'shell')
  mkdirSync(directory, { recursive: true })
  for (const name of INSTALLERS) writeFileSync(join(directory, name), SCRIPT, { mode: 0o755 })
  for (const [name, program] of [...STAND_INS, ['node', process.execPath] as const]) {
    writeFileSync(join(directory, name), `#!/bin/sh\nexec '${program}' "$@"\n`, { mode: 0o755 })
  }
  return directory
}
