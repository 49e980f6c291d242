import { type Random, randomIndex } from '../../src/base/index.ts'
import { ApiError, isConflict, type KubeClient, KINDS } from '../../src/kube/client/index.ts'
import { type Ledger, type Note, PREFIX } from './ledger.ts'

const NAMES_PER_WRITER = 8
export const COUNTER = 'counter'

export interface WritersOptions {
  readonly client: KubeClient
  readonly ledger: Ledger
  readonly random: Random
  readonly writers: number
  /** counts the increments of an object that all writers change */
  readonly counter: { acknowledged: number; unanswered: number }
  readonly isStopped: () => boolean
  readonly onViolation: (text: string) => void
}

/** Writes from several clients at once until the server is gone. Resolves when each has lost it. */
export async function writeUntilGone(options: WritersOptions): Promise<void> {
  const writers = Array.from({ length: options.writers }, (_, index) => writeOwn(options, index))
  await Promise.all([...writers, increment(options), increment(options)])
}

/** Each writer has names of its own, so it knows what must be there. */
async function writeOwn(options: WritersOptions, writer: number): Promise<void> {
  const { ledger, random } = options
  for (let count = 0; !options.isStopped(); count += 1) {
    const name = `${PREFIX}${writer}-${randomIndex(random, NAMES_PER_WRITER)}`
    try {
      await writeOnce(options, name, `${writer}.${count}.${random.next()}`)
    } catch (error) {
      if (!(error instanceof ApiError)) return // the server is gone: the intent stays without an answer
      ledger.withdraw(name)
      options.onViolation(`a write of ${name} was refused: ${error.message}`)
      return
    }
  }
}

async function writeOnce({ client, ledger, random }: WritersOptions, name: string, value: string) {
  const known = ledger.known(name)
  if (known.kind === 'absent') {
    ledger.intend(name, { kind: 'create', value })
    ledger.acknowledge(name, await client.create<Note>(KINDS.configMap, note(name, value)))
    return
  }
  const choice = random.next()
  if (choice < 0.2) {
    ledger.intend(name, { kind: 'delete' })
    const found = await client.delete(KINDS.configMap, name, 'default', { uid: known.uid })
    if (!found) throw new ApiError(404, { message: 'an object that was acknowledged is not there' })
    ledger.acknowledge(name, undefined)
    return
  }
  ledger.intend(name, { kind: 'update', value })
  const answer =
    choice < 0.6
      ? client.update<Note>(KINDS.configMap, note(name, value, known.revision))
      : client.patch<Note>(KINDS.configMap, name, 'default', { data: { value } }, { type: 'merge' })
  ledger.acknowledge(name, await answer)
}

/** Reads, adds one, writes at the revision read: no increment may be lost or counted twice. */
async function increment({ client, counter, isStopped, onViolation }: WritersOptions): Promise<void> {
  while (!isStopped()) {
    let isAsked = false
    try {
      const now = await client.get<Note>(KINDS.configMap, COUNTER, 'default')
      if (!now) throw new ApiError(404, { message: 'the counter is not there' })
      const value = String(Number(now.data?.['value']) + 1)
      isAsked = true
      await client.update<Note>(KINDS.configMap, { ...now, data: { value } })
      counter.acknowledged += 1
    } catch (error) {
      if (isConflict(error)) continue
      if (error instanceof ApiError) onViolation(`the counter: ${error.message}`)
      else if (isAsked) counter.unanswered += 1
      return
    }
  }
}

export function note(name: string, value: string, revision?: number): Note {
  const metadata = { name, namespace: 'default' }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: revision === undefined ? metadata : { ...metadata, resourceVersion: String(revision) },
    data: { value },
  }
}
