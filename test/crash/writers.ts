import { randomIndex } from '../../src/base/index.ts'
import { ApiError, isConflict, KINDS } from '../../src/kube/client/index.ts'
import { type Ledger, note, type Note, PREFIX, shadeOf } from './ledger.ts'
import { untilGone, type Workload, type WorkloadOptions } from './workload.ts'

/** Where the writers of notes write; the second is made for them. */
export const NAMESPACES = ['default', 'other'] as const

const WRITERS = 6
const NAMES_PER_WRITER = 8
const COUNTER = 'default/counter'

/** Each writer has names of its own, so it knows what must be there. */
export function createNoteWriters(options: WorkloadOptions, ledger: Ledger): Workload {
  const { client, random } = options
  let count = 0
  const writeOne = (writer: number) => {
    count += 1
    const namespace = NAMESPACES[writer % NAMESPACES.length]
    const id = `${namespace}/${PREFIX}${writer}-${randomIndex(random, NAMES_PER_WRITER)}`
    return writeOnce(options, ledger, { id, value: `${writer}.${count}.${randomIndex(random, 10)}` })
  }
  return {
    async run(isOver) {
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        untilGone(options, isOver, () => writeOne(writer)),
      )
      await Promise.all(writers)
    },
    async check() {
      const lists = await Promise.all(
        NAMESPACES.map((namespace) => client.list<Note>(KINDS.configMap, { namespace })),
      )
      const notes = lists.flatMap(({ items }) =>
        items.filter(({ metadata }) => metadata.name.startsWith(PREFIX)),
      )
      return ledger.settle(notes)
    },
    acknowledged: () => ledger.counts().acknowledged,
  }
}

async function writeOnce(
  { client, random }: WorkloadOptions,
  ledger: Ledger,
  { id, value }: { readonly id: string; readonly value: string },
): Promise<void> {
  const known = ledger.known(id)
  const [namespace = '', name = ''] = id.split('/')
  if (known.kind === 'absent') {
    ledger.intend(id, { kind: 'create', value })
    ledger.acknowledge(id, await client.create<Note>(KINDS.configMap, note(id, value)))
    return
  }
  const choice = random.next()
  if (choice < 0.2) {
    ledger.intend(id, { kind: 'delete' })
    const found = await client.delete(KINDS.configMap, name, namespace, { uid: known.uid })
    if (!found) throw new ApiError(404, { message: `${id} was acknowledged and is not there` })
    ledger.acknowledge(id, undefined)
    return
  }
  ledger.intend(id, { kind: 'update', value })
  const change = { metadata: { labels: { shade: shadeOf(value) } }, data: { value } }
  const answer =
    choice < 0.6
      ? client.update<Note>(KINDS.configMap, note(id, value, known.revision))
      : client.patch<Note>(KINDS.configMap, name, namespace, change, { type: 'merge' })
  ledger.acknowledge(id, await answer)
}

/** Several read, add one and write at the revision read: no increment may be lost or counted twice. */
export function createCounter(options: WorkloadOptions): Workload {
  const { client } = options
  const [namespace = '', name = ''] = COUNTER.split('/')
  let value = 0
  let unanswered = 0
  let total = 0
  const increment = async () => {
    const now = await client.get<Note>(KINDS.configMap, name, namespace)
    unanswered += 1
    try {
      if (now) {
        const next = { ...now, data: { value: String(Number(now.data?.['value']) + 1) } }
        await client.update<Note>(KINDS.configMap, next)
      } else await client.create<Note>(KINDS.configMap, note(COUNTER, '1'))
      value += 1
      total += 1
      unanswered -= 1
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      unanswered -= 1
      if (!isConflict(error) && error.reason !== 'AlreadyExists') throw error
    }
  }
  return {
    async run(isOver) {
      await Promise.all([1, 2].map(() => untilGone(options, isOver, increment)))
    },
    async check() {
      const found = await client.get<Note>(KINDS.configMap, name, namespace)
      const now = Number(found?.data?.['value'] ?? 0)
      const isRight = now >= value && now <= value + unanswered
      const complaint = `the counter is ${now} after ${value} increments and ${unanswered} unanswered`
      value = now
      unanswered = 0
      return isRight ? [] : [complaint]
    },
    acknowledged: () => total,
  }
}
