import { systemProgram } from './system-program.ts'

/** Whose rights a container's programs have, where they are not root's. */
export interface ProcessUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups: fsGroup and supplementalGroups. */
  readonly groups: readonly number[]
}

/** What a container's programs may do. */
export interface ProcessRights {
  /** Root when absent. */
  readonly user?: ProcessUser
  /** The most that a program can have, in lower case and without `cap_`; everything when absent. */
  readonly capabilities?: readonly string[]
  /** No set-user-id file gives more. */
  readonly noNewPrivileges?: boolean
}

/** The command that gives up rights and becomes the rest of the command line. */
export function giveUpRights({ user, capabilities, noNewPrivileges }: ProcessRights): readonly string[] {
  const words = [
    ...(user === undefined ? [] : userWords(user)),
    ...(capabilities === undefined ? [] : capabilityWords(capabilities)),
    ...(noNewPrivileges === true ? ['--no-new-privs'] : []),
  ]
  if (words.length === 0) return []
  // The kernel forgets it when the user changes: the program must go with its shim all the same.
  return [systemProgram('setpriv'), ...words, '--pdeathsig', 'KILL', '--']
}

function userWords({ uid, gid, groups }: ProcessUser): readonly string[] {
  const supplementary = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')]
  return ['--reuid', String(uid), '--regid', String(gid), ...supplementary]
}

function capabilityWords(capabilities: readonly string[]): readonly string[] {
  const kept = capabilities.map((name) => `+${name}`)
  return ['--bounding-set', ['-all', ...kept].join(','), '--inh-caps', '-all']
}
