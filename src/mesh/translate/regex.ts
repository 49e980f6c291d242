import { RE2JS } from 're2js'
import { messageOf } from '../../base/index.ts'

/** @returns what is wrong with an RE2 expression, undefined when proxies can compile it */
export function regexFault(expression: string): string | undefined {
  try {
    RE2JS.compile(expression)
    return undefined
  } catch (thrown) {
    return `"${expression}" is not an RE2 expression: ${messageOf(thrown)}`
  }
}
