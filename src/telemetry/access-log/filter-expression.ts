import { celEnv, CelScalar, isCelError, parse, plan } from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'
import { fail, messageOf, ok, type Result } from '../../base/index.ts'
import { ATTRIBUTES, attributeOf } from './attributes.ts'
import type { LogRecord } from './record.ts'

/** Decides whether a record is logged. */
export interface LogFilter {
  readonly isWanted: (record: LogRecord) => boolean
  /** Response fields that it looks at, in lower case. */
  readonly responseFields: readonly string[]
}

/** @see compileLogFilter */
export function compileExpression(expression: string): Result<LogFilter, string> {
  try {
    const parsed = parse(expression)
    const { names, responseFields } = namesIn(parsed.expr)
    const unknown = names.find((name) => !Object.hasOwn(ATTRIBUTES, name))
    if (unknown !== undefined)
      return fail(`${unknown} is no attribute; those are ${Object.keys(ATTRIBUTES).join(', ')}`)
    const variables = Object.fromEntries(names.map((name) => [name, CelScalar.DYN]))
    const evaluate = plan(celEnv({ variables, funcs: strings }), parsed)
    return ok({
      responseFields,
      isWanted(record) {
        const bindings = Object.fromEntries(names.map((name) => [name, attributeOf(name, record)]))
        const result = evaluate(bindings)
        return !isCelError(result) && result === true
      },
    })
  } catch (thrown) {
    return fail(messageOf(thrown))
  }
}

interface Found {
  readonly names: string[]
  readonly responseFields: string[]
}

/** A node of the syntax tree: only what is looked at here. */
interface Node {
  readonly case?: unknown
  readonly value?: unknown
}

/** The attributes that an expression names, and the response fields that it looks up in `response.headers`. */
function namesIn(expression: unknown): Found {
  const found = { names: new Set<string>(), fields: new Set<string>() }
  const bound = new Set<string>()
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (Array.isArray(node)) return node.forEach(visit)
    const { case: kind, value } = node as Node
    if (kind === 'comprehensionExpr') {
      const { iterVar, accuVar } = value as { iterVar: string; accuVar: string }
      bound.add(iterVar).add(accuVar)
    }
    if (kind === 'identExpr') {
      const { name } = value as { name: string }
      if (!bound.has(name)) found.names.add(name)
    }
    if (kind === 'constExpr') {
      const constant = (value as { constantKind?: Node }).constantKind
      // Any text may be the name of a field; one that is not costs a look-up in a head.
      if (constant?.case === 'stringValue') found.fields.add(String(constant.value).toLowerCase())
    }
    for (const part of Object.values(node)) visit(part)
  }
  visit(expression)
  const asksForFields = JSON.stringify(expression, withoutBigInt).includes('"headers"')
  return {
    names: [...found.names],
    responseFields: found.names.has('response') && asksForFields ? [...found.fields] : [],
  }
}

function withoutBigInt(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
