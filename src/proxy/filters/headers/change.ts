import type { HeaderChange } from '../../../model/index.ts'
import type { CompiledFilter } from '../../../routing/index.ts'
import { dropField, type HeadBlock } from '../../http1/head-block.ts'
import { hashName } from '../../http1/known-fields.ts'

/** A change of fields with everything done that does not depend on the message. */
export interface CompiledChange {
  readonly removed: readonly { readonly name: string; readonly hash: number }[]
  readonly lines: readonly Buffer[]
}

/** Remove, then set, then add: setting is removing what is there and adding. */
export function compileChange(change: HeaderChange): CompiledChange {
  return {
    removed: [...change.remove, ...change.set.map((one) => one.name)].map((name) => ({
      name,
      hash: hashName(name),
    })),
    lines: [...change.set, ...change.add].map((one) =>
      Buffer.from(`${one.name}: ${one.value}\r\n`, 'latin1'),
    ),
  }
}

export function applyChange(change: CompiledChange, block: HeadBlock): void {
  for (const { name, hash } of change.removed) dropField(block, name, hash)
  for (const line of change.lines) block.added.push(line)
}

/** All changes of one kind in a list of filters. */
export function changesOf(
  filters: readonly CompiledFilter[],
  kind: 'request-headers' | 'response-headers',
): readonly HeaderChange[] {
  return filters.flatMap((filter) => (filter.kind === kind ? [filter] : []))
}

/** Lines that response filters add to an answer of the proxy itself, where there is nothing to remove. */
export function responseLines(filters: readonly CompiledFilter[]): string {
  let lines = ''
  for (const change of changesOf(filters, 'response-headers')) {
    for (const { name, value } of [...change.set, ...change.add]) lines += `${name}: ${value}\r\n`
  }
  return lines
}
