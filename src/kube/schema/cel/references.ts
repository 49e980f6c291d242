import { parse } from '@bufbuild/cel'
import type { StructuralSchema } from '../structural.ts'
import { celFieldName } from './value.ts'

/** What is known of a value in an expression; undefined: nothing, so that everything may be asked of it. */
type Known = StructuralSchema | undefined

/** A node of the syntax tree: only what is looked at here. */
interface Node {
  readonly id: bigint
  readonly exprKind: { readonly case?: string | undefined; readonly value?: unknown }
}

type Scope = ReadonlyMap<string, Known>

interface Finding {
  readonly offset: number
  readonly message: string
}

/** Names that are no variables: types, and what functions are gathered under. */
const GLOBALS: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
  'base64',
  'cel',
  'format',
  'google',
  'kubernetes',
  'math',
  'optional',
  'semver',
  'sets',
  'strings',
])

/**
 * Looks for names that an expression cannot mean: variables that nobody declares, fields that a schema does not have.
 * @returns the findings as CEL prints them, undefined when there are none
 * @throws when the text does not parse
 */
export function danglingReferences(text: string, variables: ReadonlyMap<string, Known>): string | undefined {
  const parsed = parse(text)
  const positions: Readonly<Record<string, number>> = parsed.sourceInfo?.positions ?? {}
  const findings: Finding[] = []
  const report = (node: Node, message: string) =>
    void findings.push({ offset: positions[String(node.id)] ?? 0, message })
  if (parsed.expr) infer(parsed.expr, variables, report)
  if (findings.length === 0) return undefined
  const ordered = findings.toSorted((a, b) => a.offset - b.offset)
  return ordered.map((finding) => print(finding, text)).join('\n')
}

function print({ offset, message }: Finding, text: string): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  const column = offset - (before.lastIndexOf('\n') + 1)
  const source = text.split('\n')[line - 1] ?? ''
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${source}\n | ${'.'.repeat(column)}^`
}

type Report = (node: Node, message: string) => void

function infer(node: Node, scope: Scope, report: Report): Known {
  const { case: kind, value } = node.exprKind
  switch (kind) {
    case 'identExpr':
      return inferName(node, (value as { readonly name: string }).name, scope, report)
    case 'selectExpr':
      return inferField(node, value as SelectNode, scope, report)
    case 'callExpr':
      return inferCall(value as CallNode, scope, report)
    case 'comprehensionExpr':
      return inferLoop(value as LoopNode, scope, report)
    default:
      for (const part of nodesIn(value)) infer(part, scope, report)
      return undefined
  }
}

function inferName(node: Node, name: string, scope: Scope, report: Report): Known {
  if (!scope.has(name) && !GLOBALS.has(name) && !name.startsWith('@')) {
    report(node, `undeclared reference to '${name}' (in container '')`)
  }
  return scope.get(name)
}

interface SelectNode {
  readonly operand: Node
  readonly field: string
}

function inferField(node: Node, { operand, field }: SelectNode, scope: Scope, report: Report): Known {
  const owner = infer(operand, scope, report)
  if (!owner || owner.type !== 'object') return undefined
  const property = Object.entries(owner.properties ?? {}).find(([name]) => celFieldName(name) === field)
  if (property) return property[1]
  const additional = owner.additionalProperties
  const isOpen = owner['x-kubernetes-preserve-unknown-fields'] === true || additional !== undefined
  // What has neither properties nor anything else is a map of anything.
  if (!isOpen && owner.properties) report(node, `undefined field '${field}'`)
  return typeof additional === 'object' ? additional : undefined
}

interface CallNode {
  readonly function: string
  readonly target?: Node
  readonly args: readonly Node[]
}

function inferCall(call: CallNode, scope: Scope, report: Report): Known {
  if (call.target) infer(call.target, scope, report)
  const [first] = call.args.map((argument) => infer(argument, scope, report))
  if (call.function !== '_[_]') return undefined
  return itemOf(first)
}

/** What a list or a map holds. */
function itemOf(schema: Known): Known {
  if (schema?.type === 'array') return schema.items
  const additional = schema?.type === 'object' ? schema.additionalProperties : undefined
  return typeof additional === 'object' ? additional : undefined
}

interface LoopNode {
  readonly iterVar: string
  readonly iterVar2: string
  readonly iterRange: Node
  readonly accuVar: string
  readonly accuInit: Node
  readonly loopCondition: Node
  readonly loopStep: Node
  readonly result: Node
}

/** With one variable a loop goes over the items of a list, or the keys of a map; with two it has both. */
function inferLoop(loop: LoopNode, scope: Scope, report: Report): Known {
  const range = infer(loop.iterRange, scope, report)
  infer(loop.accuInit, scope, report)
  const outer = new Map([...scope, [loop.accuVar, undefined] as const])
  const inner = new Map(outer)
  const hasTwo = loop.iterVar2 !== ''
  inner.set(loop.iterVar, !hasTwo && range?.type === 'array' ? range.items : undefined)
  if (hasTwo) inner.set(loop.iterVar2, itemOf(range))
  infer(loop.loopCondition, inner, report)
  infer(loop.loopStep, inner, report)
  infer(loop.result, outer, report)
  return undefined
}

/** The nodes directly below another, whatever holds them: lists, entries of maps, members of messages. */
function nodesIn(value: unknown): readonly Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn)
  if (typeof value !== 'object' || value === null) return []
  if ('exprKind' in value) return [value as Node]
  return Object.values(value).flatMap(nodesIn)
}

/** Operators whose result is no truth value, whatever they are given. */
const ARITHMETIC: ReadonlySet<string> = new Set(['_+_', '_-_', '_*_', '_/_', '_%_', '-_', 'size'])

/** Whether an expression is certainly something else than true or false. */
export function isNeverBool(text: string): boolean {
  const kind = (parse(text).expr as Node | undefined)?.exprKind
  if (kind?.case === 'constExpr') {
    return (
      (kind.value as { readonly constantKind?: { readonly case?: string } }).constantKind?.case !==
      'boolValue'
    )
  }
  return kind?.case === 'callExpr' && ARITHMETIC.has((kind.value as CallNode).function)
}
