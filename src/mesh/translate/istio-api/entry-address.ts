import type { ServiceEntry } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'

/** The address that stands for one host of a ServiceEntry which has none of its own, in each family. */
export interface EntryAddress {
  /** `<namespace>/<host>` */
  readonly key: string
  readonly ipv4: string
  readonly ipv6: string
}

const OPT_OUT_LABEL = 'networking.istio.io/enable-autoallocate-ip'
/** Of 240.240.0.0/16, without the first address and the last two; 2001:2::/48 has one for each. */
const PLACES = 65_533

/**
 * Istio gives a host without an address one from a range that nobody routes, so that connections which name no host
 * can be told apart. What a status has already stays; the rest go to the place that their name's hash says, or the next
 * free one, the oldest first: so it is the same wherever it is worked out.
 */
export function allocateAddresses(entries: readonly ServiceEntry[]): readonly EntryAddress[] {
  const taken = new Map<number, string>()
  const placed = new Map<string, number>()
  const wanting = entries.flatMap((entry) =>
    allocatedHosts(entry).map((host) => ({ entry, host, key: `${namespaceOf(entry)}/${host}` })),
  )
  const byAge = wanting.toSorted(
    (a, b) => compare(createdAt(a.entry), createdAt(b.entry)) || compare(a.key, b.key),
  )
  for (const { entry, host, key } of byAge) {
    const place = placeOf(
      entry.status?.addresses?.find((one) => one.host === host && isIpv4(one.value))?.value,
    )
    if (place === undefined || placed.has(key) || taken.has(place)) continue
    taken.set(place, key)
    placed.set(key, place)
  }
  for (const { key } of byAge) {
    if (placed.has(key) || taken.size >= PLACES) continue
    let place = (hash(key) % PLACES) + 1
    while (taken.has(place)) place = (place % PLACES) + 1
    taken.set(place, key)
    placed.set(key, place)
  }
  return [...placed].map(([key, place]) => ({
    key,
    ipv4: `240.240.${place >>> 8}.${place & 255}`,
    ipv6: `2001:2::${place.toString(16)}`,
  }))
}

/** @see Istio, ipallocate: with addresses of its own, a wildcard, or nothing that could be dialled there is nothing to allocate */
export function allocatedHosts({ metadata, spec }: ServiceEntry): readonly string[] {
  if ((spec.addresses ?? []).length > 0 || (spec.resolution ?? 'NONE') === 'NONE') return []
  if (metadata.labels?.[OPT_OUT_LABEL]?.toLowerCase() === 'false') return []
  const hosts = (spec.hosts ?? []).map((host) => host.toLowerCase())
  return [...new Set(hosts)].filter((host) => !host.startsWith('*'))
}

function isIpv4(text: string | undefined): boolean {
  return text?.includes('.') === true
}

function placeOf(address: string | undefined): number | undefined {
  const [, high, low] = /^240\.240\.(\d{1,3})\.(\d{1,3})$/.exec(address ?? '') ?? []
  const place = Number(high) * 256 + Number(low)
  return place >= 1 && place <= PLACES ? place : undefined
}

/** FNV-1a in 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0
  return value
}

function createdAt({ metadata }: ServiceEntry): string {
  return metadata.creationTimestamp ?? ''
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
