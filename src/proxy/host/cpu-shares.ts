/** CPU time of a shared process, attributed to instances by what each had to do. */
export interface CpuShares {
  /**
   * Divides the time since the last call by the events of each instance since then.
   * @param instances with their events so far
   * @returns each one's CPU time since its start
   */
  readonly attribute: (
    instances: readonly { readonly id: string; readonly events: number }[],
  ) => readonly { readonly id: string; readonly cpuMs: number }[]
  /** What an instance has used before, in another process. */
  readonly carry: (id: string, cpuMs: number) => void
  readonly forget: (id: string) => void
}

/** @param cpuMs user and system time of the process so far */
export function createCpuShares(cpuMs: () => number): CpuShares {
  const known = new Map<string, { events: number; cpuMs: number }>()
  let last = cpuMs()
  return {
    attribute(instances) {
      const now = cpuMs()
      const spent = now - last
      last = now
      const rows = instances.map(({ id, events }) => {
        let row = known.get(id)
        if (row === undefined) known.set(id, (row = { events: 0, cpuMs: 0 }))
        // Being there costs a little too: with no traffic at all, everyone bears the same.
        const weight = events - row.events + 1
        row.events = events
        return { id, row, weight }
      })
      const total = rows.reduce((sum, { weight }) => sum + weight, 0)
      for (const { row, weight } of rows) row.cpuMs += (spent * weight) / total
      return rows.map(({ id, row }) => ({ id, cpuMs: Math.round(row.cpuMs) }))
    },
    carry: (id, cpuMs) => {
      known.set(id, { events: 0, cpuMs })
    },
    forget: (id) => {
      known.delete(id)
    },
  }
}
