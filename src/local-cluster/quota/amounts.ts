import { formatQuantity, parseQuantity, type Quantity } from '../../kube/index.ts'

/** Quantities by the name of what they measure: `requests.cpu`, `count/configmaps`. */
export type Amounts = Readonly<Record<string, string>>

const ZERO: Quantity = { nanos: 0n, format: 'decimal' }

export function addAmounts(a: Amounts, b: Amounts): Amounts {
  const sum: Record<string, string> = { ...a }
  for (const [name, text] of Object.entries(b)) {
    const left = quantityOf(a[name])
    const right = quantityOf(text)
    // A zero has no opinion on how the sum is written.
    const { format } = left.nanos === 0n ? right : left
    sum[name] = formatQuantity({ nanos: left.nanos + right.nanos, format })
  }
  return sum
}

/** What `a` has more than `b`, without what is left at or below zero. */
export function subtractAmounts(a: Amounts, b: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(a).flatMap(([name, text]) => {
      const { nanos, format } = quantityOf(text)
      const left = nanos - quantityOf(b[name]).nanos
      return left > 0n ? [[name, formatQuantity({ nanos: left, format })]] : []
    }),
  )
}

export function maskAmounts(amounts: Amounts, names: readonly string[]): Amounts {
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => names.includes(name)))
}

/** The names whose amounts are above their limits; what has no limit is not. */
export function exceededBy(amounts: Amounts, limits: Amounts): readonly string[] {
  return Object.entries(amounts).flatMap(([name, text]) => {
    const limit = limits[name]
    return limit !== undefined && quantityOf(text).nanos > quantityOf(limit).nanos ? [name] : []
  })
}

/** `pods=1,requests.cpu=2`, by name. */
export function showAmounts(amounts: Amounts): string {
  return Object.keys(amounts)
    .sort()
    .map((name) => `${name}=${amounts[name]}`)
    .join(',')
}

function quantityOf(text: string | undefined): Quantity {
  return parseQuantity(text ?? '0') ?? ZERO
}

/** The larger of both, name by name. */
export function maxAmounts(a: Amounts, b: Amounts): Amounts {
  const max: Record<string, string> = { ...a }
  for (const [name, text] of Object.entries(b)) {
    if (quantityOf(text).nanos > quantityOf(a[name]).nanos || a[name] === undefined) max[name] = text
  }
  return max
}
