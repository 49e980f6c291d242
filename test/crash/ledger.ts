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
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** 0 for a deletion, whose answer does not say it */
  readonly revision: number
  /** the values before and after; undefined where the object was not there */
  readonly before: string | undefined
  readonly after: string | undefined
}

/** What the writers were told, and what they asked for without hearing an answer. Objects are named by `idOf`. */
export interface Ledger {
  readonly known: (id: string) => Known
  readonly intend: (id: string, intent: Intent) => void
  readonly acknowledge: (id: string, answer: Note | undefined) => void
  /** Compares with a list of a restarted server, and takes its word for what had no answer. @returns what is wrong */
  readonly settle: (list: readonly Note[]) => readonly string[]
  /** the acknowledged writes since the last call */
  readonly takeAcknowledged: () => readonly Acknowledged[]
  readonly newestRevision: () => number
  readonly counts: () => { readonly acknowledged: number; readonly unanswered: number }
}

export const PREFIX = 'note-'

/** Every value is of one of two shades, which its object has as a label: some follow only the dark ones. */
export function shadeOf(value: string): 'dark' | 'light' {
  return Number(value.at(-1)) % 2 === 0 ? 'dark' : 'light'
}

export function idOf({ metadata }: Note): string {
  return `${metadata.namespace}/${metadata.name}`
}

export function note(id: string, value: string, revision?: number): Note {
  const [namespace = '', name = ''] = id.split('/')
  const metadata = { name, namespace, labels: { shade: shadeOf(value) } }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: revision === undefined ? metadata : { ...metadata, resourceVersion: String(revision) },
    data: { value },
  }
}

export function createLedger(): Ledger {
  const states = new Map<string, Known>()
  const intents = new Map<string, Intent>()
  let acknowledged: Acknowledged[] = []
  let newest = 0
  const counts = { acknowledged: 0, unanswered: 0 }
  const known = (id: string): Known => states.get(id) ?? { kind: 'absent' }
  return {
    known,
    intend: (id, intent) => intents.set(id, intent),
    acknowledge(id, answer) {
      const before = known(id)
      const after: Known = answer ? stateOf(answer) : { kind: 'absent' }
      intents.delete(id)
      counts.acknowledged += 1
      states.set(id, after)
      acknowledged.push(changeOf(id, before, after))
      if (after.kind === 'present') newest = Math.max(newest, after.revision)
    },
    settle(list) {
      const found = new Map(list.map((each) => [idOf(each), stateOf(each)]))
      const wrong = list.flatMap(wrongLabel)
      for (const id of new Set([...states.keys(), ...intents.keys(), ...found.keys()])) {
        const now = found.get(id) ?? { kind: 'absent' }
        const complaint = judge(known(id), intents.get(id), now)
        if (complaint !== undefined) wrong.push(`${id}: ${complaint}`)
        states.set(id, now)
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

export function stateOf({ metadata, data }: Note): Known & { kind: 'present' } {
  const revision = Number(metadata.resourceVersion)
  return { kind: 'present', uid: metadata.uid ?? '', revision, value: data?.['value'] ?? '' }
}

function changeOf(id: string, before: Known, after: Known): Acknowledged {
  const [namespace = '', name = ''] = id.split('/')
  const there = after.kind === 'present' ? after : before
  return {
    namespace,
    name,
    uid: there.kind === 'present' ? there.uid : '',
    revision: after.kind === 'present' ? after.revision : 0,
    before: before.kind === 'present' ? before.value : undefined,
    after: after.kind === 'present' ? after.value : undefined,
  }
}

/** The label and the value are written together, so one without the other is half of a write. */
function wrongLabel({ metadata, data }: Note): readonly string[] {
  const value = data?.['value'] ?? ''
  const shade = metadata.labels?.['shade']
  return shade === shadeOf(value) ? [] : [`${metadata.name} is ${value}, but its label is ${shade}`]
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
