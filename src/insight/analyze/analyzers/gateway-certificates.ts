import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, fullName } from '../context.ts'
import { type Message, createMessage, goList } from '../messages.ts'
import { field, hasLabels, labelsAt, listAt, textAt } from '../read.ts'

/** Gateways of the same pods with the same certificate: a client keeps its connection for the other's hosts (IST0138). */
export const gatewayCertificates: Analyzer = {
  name: 'gateway.CertificateAnalyzer',
  analyze: (context) => context.of('istioGateway').flatMap((object) => checkCertificates(context, object)),
}

function checkCertificates(context: AnalysisContext, object: KubeObject): readonly Message[] {
  const selector = labelsAt(object, 'spec', 'selector')
  const others = context
    .of('istioGateway')
    .filter((other) => fullName(other) !== fullName(object))
    .filter((other) => hasLabels(labelsAt(other, 'spec', 'selector'), selector))
  return certificatesOf(object).flatMap((certificate) =>
    others
      .filter((other) => certificatesOf(other).includes(certificate))
      .map((other) => createMessage('IST0138', object, goList([fullName(object), fullName(other)]))),
  )
}

/** Of the servers that show one; a name for each. */
function certificatesOf(gateway: KubeObject): readonly string[] {
  return listAt(gateway, 'spec', 'servers').flatMap((server) => {
    const tls = field(server, 'tls')
    const parts = ['credentialName', 'serverCertificate', 'privateKey'].map((name) => textAt(tls, name) ?? '')
    return parts.every((part) => part === '') ? [] : [parts.join('-')]
  })
}
