import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemProgram } from './runtime/system-program.ts'

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
  linkApplets(directory)
  return directory
}

/** What an image of busybox has (nc, nslookup, httpd…), where the machine has busybox and not the program itself. */
function linkApplets(directory: string): void {
  // What the machine has may have changed since the last start. Running containers see the directory: it stays.
  for (const { name } of readdirSync(directory, { withFileTypes: true }).filter((one) =>
    one.isSymbolicLink(),
  ))
    rmSync(join(directory, name), { force: true })
  const busybox = systemProgram('busybox')
  const result = busybox === 'busybox' ? undefined : spawnSync(busybox, ['--list'], { encoding: 'utf8' })
  for (const applet of result?.stdout.split('\n') ?? []) {
    if (!/^[a-z0-9_[.-]+$/i.test(applet) || existsSync(join(directory, applet))) continue
    if (systemProgram(applet) === applet) symlinkSync(busybox, join(directory, applet))
  }
}
