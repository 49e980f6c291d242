/** An IPv4 client of a dual-stack listener shows as `::ffff:a.b.c.d`. */
export function plainAddress(address: string | undefined): string {
  return address === undefined ? '' : address.startsWith('::ffff:') ? address.slice(7) : address
}
