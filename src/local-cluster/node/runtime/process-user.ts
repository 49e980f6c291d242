import { systemProgram } from './system-program.ts'

/** Whose rights a container's programs have, where they are not root's. */
export interface ProcessUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups: fsGroup and supplementalGroups. */
  readonly groups: readonly number[]
}

/** The command that gives up root and becomes the rest of the command line. */
export function becomeUser(user: ProcessUser | undefined): readonly string[] {
  if (user === undefined) return []
  const groups = user.groups.length === 0 ? ['--clear-groups'] : ['--groups', user.groups.join(',')]
  return [
    systemProgram('setpriv'),
    '--reuid',
    String(user.uid),
    '--regid',
    String(user.gid),
    ...groups,
    // The kernel forgets it when the user changes: the program must go with its shim all the same.
    '--pdeathsig',
    'KILL',
    '--',
  ]
}
