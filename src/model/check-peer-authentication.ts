import { type Check, filledText, object, oneOf, optional, record, text } from './check.ts'
import { labels, origin } from './check-common.ts'
import type { PeerAuthentication } from './peer-authentication.ts'

const mode = oneOf('disable', 'permissive', 'strict')

export const checkPeerAuthentication: Check = object<PeerAuthentication>({
  type: oneOf('peer-authentication'),
  key: filledText,
  scope: object<PeerAuthentication['scope']>({ namespace: optional(filledText), labels }),
  createdAt: text,
  mode: optional(mode),
  ports: record(mode),
  origin,
})
