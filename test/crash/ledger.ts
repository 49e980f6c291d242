import type { KubeObject } from '../../src/kube/index.ts'

export interface Note extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

/** What is known of one object: its last acknowledged state. */
export type Known =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present'; readonly uid: string; readonly revision: number; readonly value: string }

export type Intent =
  | { readonly kind: 'create' | 'update'; readonly value: string }
  | { readonly kind: 'delete' }

export interface Acknowledged {
  readonly name: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly uid: string
  /** 0 for a deletion, whose answer does not say it */
  readonly revision: number
}

/** What the writers were told, and what they asked for without hearing an answer. */
export interface Ledger {
  readonly known: (name: string) => Known
  readonly intend: (name: string, intent: Intent) => void
  readonly acknowledge: (name: string, answer: Note | undefined) => void
  readonly withdraw: (name: string) => void
  /** Compares with a list of a restarted server, and takes its word for what had no answer. @returns what is wrong */
  readonly settle: (list: readonly Note[]) => readonly string[]
  /** the acknowledged writes since the last call */
  readonly takeAcknowledged: () => readonly Acknowledged[]
  readonly newestRevision: () => number
  readonly counts: () => { readonly acknowledged: number; readonly unanswered: number }
}

export const PREFIX = 'note-'

export function createLedger(): Ledger {
  const states = new Map<string, Known>()
  const intents = new Map<string, Intent>()
  let acknowledged: Acknowledged[] = []
  let newest = 0
  const counts = { acknowledged: 0, unanswered: 0 }
  const known = (name: string): Known => states.get(name) ?? { kind: 'absent' }
  return {
    known,
    intend: (name, intent) => intents.set(name, intent),
    withdraw: (name) => intents.delete(name),
    acknowledge(name, answer) {
      const before = known(name)
      intents.delete(name)
      counts.acknowledged += 1
      const after = answer ? stateOf(answer) : undefined
      states.set(name, after ?? { kind: 'absent' })
      if (after) newest = Math.max(newest, after.revision)
      const uid = after?.uid ?? (before.kind === 'present' ? before.uid : '')
      const type = !after ? 'DELETED' : before.kind === 'present' ? 'MODIFIED' : 'ADDED'
      acknowledged.push({ name, type, uid, revision: after?.revision ?? 0 })
    },
    settle(list) {
      const found = new Map(list.map((note) => [note.metadata.name, stateOf(note)]))
      const wrong: string[] = []
      for (const name of new Set([...states.keys(), ...intents.keys(), ...found.keys()])) {
        const now = found.get(name) ?? { kind: 'absent' }
        const complaint = judge(known(name), intents.get(name), now)
        if (complaint !== undefined) wrong.push(`${name}: ${complaint}`)
        states.set(name, now)
      }
      counts.unanswered += intents.size
      intents.clear()
      return wrong
    },
    takeAcknowledged() {
      const taken = acknowledged
      acknowledged = []
      return taken
    },
    newestRevision: () => newest,
    counts: () => ({ ...counts }),
  }
}

export function stateOf(note: Note): Known & { kind: 'present' } {
  return {
    kind: 'present',
    uid: note.metadata.uid ?? '',
    revision: Number(note.metadata.resourceVersion),
    value: note.data?.['value'] ?? '',
  }
}

/** A write without an answer may have happened or not; anything else must be exactly as acknowledged. */
function judge(before: Known, intent: Intent | undefined, now: Known): string | undefined {
  if (JSON.stringify(before) === JSON.stringify(now)) return undefined
  const change = `${JSON.stringify(before)} became ${JSON.stringify(now)}`
  if (!intent) return `${change}, and nobody asked for it: an acknowledged write is lost`
  if (intent.kind === 'delete') return now.kind === 'absent' ? undefined : `${change} by a deletion`
  const happened =
    now.kind === 'present' &&
    now.value === intent.value &&
    (before.kind === 'absent' || (now.uid === before.uid && now.revision > before.revision))
  return happened ? undefined : `${change} by ${JSON.stringify(intent)}`
}
