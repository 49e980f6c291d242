import { onDemand, type Result } from '../../base/index.ts'
import type { LogFilter } from './filter-expression.ts'

export type { LogFilter } from './filter-expression.ts'

/** CEL is for those alone whose logs are filtered: with protobuf, which it needs, it takes 15 MB. */
const expressions = onDemand<typeof import('./filter-expression.ts')>(import.meta, './filter-expression')

/**
 * Compiles an expression over Envoy's attributes, such as `response.code >= 400`. What has no value (a status of gRPC
 * where there is none) makes it false, as in Envoy, unless the expression asks with `has()`.
 * @returns what is wrong with the expression
 */
export function compileLogFilter(expression: string): Result<LogFilter, string> {
  return expressions().compileExpression(expression)
}
