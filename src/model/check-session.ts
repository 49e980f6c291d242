import { filledText, integer, lowerCaseName, object, optional, text, union } from './check.ts'
import type { SessionPersistence } from './session.ts'

type Variant<Kind> = Extract<SessionPersistence, { readonly kind: Kind }>

export const session = union<SessionPersistence['kind']>('kind', {
  cookie: object<Variant<'cookie'>>({
    kind: filledText,
    name: filledText,
    path: text,
    maxAgeMs: optional(integer(0)),
    endsAfterMs: optional(integer(1)),
  }),
  header: object<Variant<'header'>>({
    kind: filledText,
    name: lowerCaseName,
    endsAfterMs: optional(integer(1)),
  }),
})
