/** Holds for a text; `undefined` stands for what is missing, which is not the same as empty. */
export type TextMatch = (text: string | undefined) => boolean

/**
 * What policies write for texts: `*` stands for any text that is not empty, `abc*` and `*abc` for the texts that begin
 * and end so, all else for itself.
 * @param prefix stands before every value but `*`, and before what `*abc` leaves open
 * @see Istio, pilot/pkg/security/authz/matcher/string.go
 */
export function compileText(value: string, prefix = ''): TextMatch {
  if (value === '*') return isFilled
  if (value.startsWith('*')) {
    const suffix = value.slice(1)
    const least = prefix.length + suffix.length
    return (text) =>
      text !== undefined && text.length >= least && text.startsWith(prefix) && text.endsWith(suffix)
  }
  if (value.endsWith('*')) {
    const start = prefix + value.slice(0, -1)
    return (text) => text?.startsWith(start) === true
  }
  const whole = prefix + value
  return (text) => text === whole
}

const isFilled: TextMatch = (text) => text !== undefined && text !== ''

/** As above, but `*` holds for a field that is there and empty too. */
export function compileField(value: string): TextMatch {
  return value === '*' ? (text) => text !== undefined : compileText(value)
}

/** Names of hosts have no case; a port is part of the text. */
export function compileHost(value: string): TextMatch {
  const match = compileField(value.toLowerCase())
  return (text) => match(text?.toLowerCase())
}

/** Each `*` stands for any text, the empty one too. */
export function compileGlob(value: string): TextMatch {
  const parts = value.split('*')
  const [first = ''] = parts
  if (parts.length === 1) return (text) => text === value
  const last = parts.at(-1) ?? ''
  const middle = parts.slice(1, -1)
  return (text) => {
    if (text?.startsWith(first) !== true) return false
    let at = first.length
    for (const part of middle) {
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return text.length - at >= last.length && text.endsWith(last)
  }
}
