import type { Group } from '../table.ts'
import { ADMISSION } from './admission.ts'
import { CHANGE } from './change.ts'
import { RULES } from './access.ts'
import { DEFINITIONS } from './definitions.ts'
import { IMMUTABLE } from './immutable.ts'
import { INVALID } from './invalid.ts'
import { RAW } from './raw.ts'
import { READ } from './read.ts'
import { REMOVE } from './remove.ts'
import { CREATE } from './create.ts'

/** In this order; each in a namespace of its own, but what has no namespace is seen by those after it. */
export const GROUPS: readonly Group[] = [
  CREATE,
  ...CHANGE,
  ...READ,
  ...REMOVE,
  ...RAW,
  ...RULES,
  ...ADMISSION,
  ...INVALID,
  ...IMMUTABLE,
  ...DEFINITIONS,
]
