import { existsSync } from 'node:fs'

/** Where the helpers of the scripts are, whatever PATH the container sets for itself. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The whole path of one of the machine's programs, for places where PATH is a container's. */
export function systemProgram(name: string): string {
  const found = SYSTEM_PATH.split(':')
    .map((directory) => `${directory}/${name}`)
    .find((path) => existsSync(path))
  return found ?? name
}
