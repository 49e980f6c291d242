import { filledText, integer, list, object, optional, record, text, textThat } from './check.ts'
import type { Origin } from './names.ts'

export const origin = object<Origin>({
  kind: filledText,
  namespace: text,
  name: filledText,
  rule: optional(integer(0)),
})

export const labels = record(text)

const DOMAIN = /^(\*|\*\.[^*\s/:]+|[^*\s/:]+|\[[0-9a-f:.]+\])$/

/** A domain of a virtual host or listener. */
export const domain = textThat(
  'a host name in lower case, `*.suffix` or `*`',
  (value) => DOMAIN.test(value) && value === value.toLowerCase(),
)

export const domains = list(domain, { filled: true })

export const milliseconds = integer(0)
