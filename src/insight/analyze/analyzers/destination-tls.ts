import type { KubeObject } from '../../../kube/index.ts'
import { type Analyzer, fullName, namespaceOf } from '../context.ts'
import { createMessage, type Message } from '../messages.ts'
import { field, listAt, numberAt, textAt } from '../read.ts'

/** DestinationRules that speak TLS and name nobody to verify the server with (IST0128, for a port IST0129). */
export const destinationTls: Analyzer = {
  name: 'destinationrule.CaCertificateAnalyzer',
  analyze: (context) => context.of('destinationRule').flatMap(messagesOf),
}

function messagesOf(object: KubeObject): readonly Message[] {
  const hasSelector = field(object, 'spec', 'workloadSelector') !== undefined
  const unverified = (policy: unknown): string | undefined => {
    const mode = textAt(policy, 'tls', 'mode')
    if (mode !== 'SIMPLE' && mode !== 'MUTUAL') return undefined
    if (textAt(policy, 'tls', 'caCertificates') !== undefined) return undefined
    return hasSelector && textAt(policy, 'tls', 'credentialName') !== undefined ? undefined : mode
  }
  const place = [fullName(object), namespaceOf(object)] as const
  const host = textAt(object, 'spec', 'host') ?? ''
  const mode = unverified(field(object, 'spec', 'trafficPolicy'))
  const ports = listAt(object, 'spec', 'trafficPolicy', 'portLevelSettings').flatMap((setting) => {
    const ofPort = unverified(setting)
    const port = `number:${numberAt(setting, 'port', 'number') ?? 0}`
    return ofPort === undefined ? [] : [createMessage('IST0129', object, ...place, ofPort, host, port)]
  })
  return [...(mode === undefined ? [] : [createMessage('IST0128', object, ...place, mode, host)]), ...ports]
}
