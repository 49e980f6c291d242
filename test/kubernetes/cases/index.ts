import type { Group } from '../table.ts'
import { CHANGE } from './change.ts'
import { CREATE } from './create.ts'

/** In this order; each in a namespace of its own, but what has no namespace is seen by those after it. */
export const GROUPS: readonly Group[] = [CREATE, ...CHANGE]
