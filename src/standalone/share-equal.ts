/** Beyond it a part is hardly there twice, and naming it costs more than it may save. */
const NAME_LENGTH_MAX = 300

/**
 * Makes one of parts that say the same: a channel between processes gives every object texts, actions and origins of its
 * own, and with 5,000 routes most of them are equal. Only for data that is read and never changed.
 * @param values as they came: what they are made of is replaced in place
 */
export function shareEqual(values: readonly object[]): void {
  const parts = new Map<string, unknown>()

  function share(value: unknown): unknown {
    if (typeof value === 'string') return known(`"${value}`, value)
    if (typeof value !== 'object' || value === null) return value
    shareParts(value)
    const name = JSON.stringify(value)
    return name.length > NAME_LENGTH_MAX ? value : known(name, value)
  }

  function known(name: string, value: unknown): unknown {
    const before = parts.get(name)
    if (before === undefined) parts.set(name, value)
    return before ?? value
  }

  function shareParts(value: object): void {
    const members = value as Record<string, unknown>
    for (const [key, part] of Object.entries(members)) {
      const shared = share(part)
      if (shared !== part || typeof part === 'string') members[key] = shared
    }
  }

  for (const value of values) shareParts(value)
}
