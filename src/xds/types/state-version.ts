/**
 * What `system_version_info` of our responses says: how far the server's state is (`revision`), how many requests of the
 * type it had read on this stream (`requests`, so that a client knows which of its subscriptions an answer covers), and
 * whether the same state goes on in the next response (`more`). On the wire: `<revision>/<requests>`, then `+` for more.
 */
export interface StateVersion {
  readonly revision: number
  readonly requests: number
  readonly more: boolean
}

export function formatStateVersion(version: StateVersion): string {
  return `${version.revision}/${version.requests}${version.more ? '+' : ''}`
}

/** @returns undefined when a foreign server wrote it */
export function parseStateVersion(text: string): StateVersion | undefined {
  const match = /^(\d+)\/(\d+)(\+?)$/.exec(text)
  if (!match) return undefined
  return { revision: Number(match[1]), requests: Number(match[2]), more: match[3] === '+' }
}
