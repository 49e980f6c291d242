/** Quantities and semantic versions in CEL. */
import { type CelFunc, celFunc, type CelMap, celMethod, CelScalar } from '@bufbuild/cel'
import { formatQuantity, parseQuantity, type Quantity, quantityToNumber } from '../../quantity.ts'
import { isOpaque, OPAQUE, unwrapText, wrap } from './opaque.ts'

const { BOOL, DOUBLE, INT, STRING } = CelScalar
const NANO = 1_000_000_000n

function needQuantity(text: string): Quantity {
  const quantity = parseQuantity(text)
  if (!quantity) throw new Error(`quantity ${JSON.stringify(text)} cannot be parsed`)
  return quantity
}

const quantityOf = (value: CelMap) => needQuantity(unwrapText('quantity', value))

/** Orders two quantities or two versions. */
function compare(a: CelMap, b: CelMap): number {
  if (isOpaque('semver', a)) return compareSemver(unwrapText('semver', a), unwrapText('semver', b))
  const difference = quantityOf(a).nanos - quantityOf(b).nanos
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

export function quantityFunctions(): CelFunc[] {
  return [...arithmetic(), ...comparisons(), ...semverFunctions()]
}

function arithmetic(): CelFunc[] {
  const combine = (name: string, nanos: (a: bigint, b: bigint) => bigint): CelFunc[] => {
    const run = (a: Quantity, b: bigint) =>
      wrap('quantity', formatQuantity({ ...a, nanos: nanos(a.nanos, b) }))
    return [
      celMethod(name, OPAQUE, [OPAQUE], OPAQUE, function (other) {
        return run(quantityOf(this), quantityOf(other).nanos)
      }),
      celMethod(name, OPAQUE, [INT], OPAQUE, function (other) {
        return run(quantityOf(this), other * NANO)
      }),
    ]
  }
  return [
    celFunc('isQuantity', [STRING], BOOL, (text) => parseQuantity(text) !== undefined),
    celFunc('quantity', [STRING], OPAQUE, (text) => {
      needQuantity(text)
      return wrap('quantity', text)
    }),
    celMethod('sign', OPAQUE, [], INT, function () {
      const { nanos } = quantityOf(this)
      return nanos < 0n ? -1n : nanos > 0n ? 1n : 0n
    }),
    celMethod('isInteger', OPAQUE, [], BOOL, function () {
      return quantityOf(this).nanos % NANO === 0n
    }),
    celMethod('asInteger', OPAQUE, [], INT, function () {
      const { nanos } = quantityOf(this)
      if (nanos % NANO !== 0n) throw new Error('cannot convert value to integer')
      return nanos / NANO
    }),
    celMethod('asApproximateFloat', OPAQUE, [], DOUBLE, function () {
      return quantityToNumber(quantityOf(this))
    }),
    ...combine('add', (a, b) => a + b),
    ...combine('sub', (a, b) => a - b),
  ]
}

function comparisons(): CelFunc[] {
  return [
    celMethod('compareTo', OPAQUE, [OPAQUE], INT, function (other) {
      return BigInt(compare(this, other))
    }),
    celMethod('isLessThan', OPAQUE, [OPAQUE], BOOL, function (other) {
      return compare(this, other) < 0
    }),
    celMethod('isGreaterThan', OPAQUE, [OPAQUE], BOOL, function (other) {
      return compare(this, other) > 0
    }),
  ]
}

interface Semver {
  readonly core: readonly bigint[]
  readonly pre: readonly string[]
}

function parseSemver(text: string): Semver | undefined {
  const match = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(
    text,
  )
  if (!match) return undefined
  return { core: match.slice(1, 4).map((part) => BigInt(part ?? '0')), pre: match[4]?.split('.') ?? [] }
}

function needSemver(text: string): Semver {
  const version = parseSemver(text)
  if (!version) throw new Error(`semver ${JSON.stringify(text)} cannot be parsed`)
  return version
}

/** Precedence of semver.org 2.0, section 11. */
function compareSemver(left: string, right: string): number {
  const a = needSemver(left)
  const b = needSemver(right)
  for (const [index, part] of a.core.entries()) {
    const other = b.core[index] ?? 0n
    if (part !== other) return part < other ? -1 : 1
  }
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length)
  for (const [index, part] of a.pre.entries()) {
    const other = b.pre[index]
    if (other === undefined) return 1
    if (part !== other) return compareIdentifiers(part, other)
  }
  return a.pre.length < b.pre.length ? -1 : 0
}

function compareIdentifiers(a: string, b: string): number {
  const [aNumeric, bNumeric] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (aNumeric && bNumeric) return BigInt(a) < BigInt(b) ? -1 : 1
  if (aNumeric !== bNumeric) return aNumeric ? -1 : 1
  return a < b ? -1 : 1
}

function semverFunctions(): CelFunc[] {
  const part = (name: string, index: number) =>
    celMethod(name, OPAQUE, [], INT, function () {
      return needSemver(unwrapText('semver', this)).core[index] ?? 0n
    })
  return [
    celFunc('isSemver', [STRING], BOOL, (text) => parseSemver(text) !== undefined),
    celFunc('semver', [STRING], OPAQUE, (text) => {
      needSemver(text)
      return wrap('semver', text)
    }),
    part('major', 0),
    part('minor', 1),
    part('patch', 2),
  ]
}
