import type { Result } from '../../base/index.ts'
import type { LogRecord } from './record.ts'

/** One operator's value of a record; undefined: there is none, which text shows as `-` and JSON as null. */
export type Reader = (record: LogRecord) => string | number | undefined

/** What formats may ask for beside the record. */
export interface LogSurroundings {
  readonly hostname: string
  /** Of the proxy's container. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** What compiling a format finds out on the way. */
export interface FormatNeeds {
  /** Response fields, in lower case: they are gone when the line is written. */
  readonly responseFields: Set<string>
  readonly surroundings: LogSurroundings
}

/**
 * Makes an operator's reader from what stands in its parentheses; absent: there were none.
 * @returns why the argument is not one
 */
export type OperatorMaker = (argument: string | undefined, needs: FormatNeeds) => Result<Reader, string>
