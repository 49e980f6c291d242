import { randomIndex } from '../../src/base/index.ts'
import { KINDS } from '../../src/kube/client/index.ts'
import type { Note } from './ledger.ts'
import { untilGone, type Workload, type WorkloadOptions } from './workload.ts'

const NAMESPACE = 'default'
const MANAGERS = ['left', 'right'] as const
const OBJECTS = 4

interface Field {
  readonly acknowledged: string | undefined
  /** asked for without an answer */
  readonly asked: string | undefined
}

/** Managers that apply a field each to the same objects: the fields of one must never cost those of the other. */
export function createAppliers(options: WorkloadOptions): Workload {
  const { client, random } = options
  const fields = new Map<string, Field>()
  let count = 0
  let acknowledged = 0
  const apply = async (manager: string) => {
    const name = `applied-${randomIndex(random, OBJECTS)}`
    const key = `${name} ${manager}`
    const value = String((count += 1))
    fields.set(key, { acknowledged: fields.get(key)?.acknowledged, asked: value })
    const wanted = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { [manager]: value } }
    await client.patch<Note>(KINDS.configMap, name, NAMESPACE, wanted, {
      type: 'apply',
      fieldManager: manager,
    })
    fields.set(key, { acknowledged: value, asked: undefined })
    acknowledged += 1
  }
  return {
    async run(isOver) {
      await Promise.all(MANAGERS.map((manager) => untilGone(options, isOver, () => apply(manager))))
    },
    async check() {
      const wrong: string[] = []
      for (const [key, field] of fields) {
        const [name = '', manager = ''] = key.split(' ')
        const found = await client.get<Note>(KINDS.configMap, name, NAMESPACE)
        const value = found?.data?.[manager]
        if (value !== field.acknowledged && value !== field.asked) {
          wrong.push(`${name}: the field of ${manager} is ${value}, not ${JSON.stringify(field)}`)
        }
        if ((value !== undefined) !== owns(found, manager)) {
          wrong.push(`${name}: the field of ${manager} is ${value}, and managedFields say something else`)
        }
        fields.set(key, { acknowledged: value, asked: undefined })
      }
      return wrong
    },
    acknowledged: () => acknowledged,
  }
}

function owns(object: Note | undefined, manager: string): boolean {
  const entries = (object?.metadata.managedFields ?? []) as readonly {
    readonly manager?: string
    readonly fieldsV1?: unknown
  }[]
  return entries.some(
    (entry) => entry.manager === manager && JSON.stringify(entry.fieldsV1).includes(`"f:${manager}"`),
  )
}
