import { DEFAULT_SETTINGS } from '../../../mesh/translate/index.ts'
import type { Analyzer } from '../context.ts'
import { createMessage } from '../messages.ts'
import { field } from '../read.ts'

/** Policies whose selector picks no pod (IST0127), where there are pods at all. @see Istio, authz.AuthorizationPoliciesAnalyzer */
export const authorization: Analyzer = {
  name: 'auth.AuthorizationPoliciesAnalyzer',
  analyze: (context) =>
    context.of('authorizationPolicy').flatMap((object) => {
      const labels = Object.entries(field(object, 'spec', 'selector', 'matchLabels') ?? {})
      if (labels.length === 0) return []
      const { namespace = 'default' } = object.metadata
      const isOfMesh = namespace === DEFAULT_SETTINGS.rootNamespace
      const pods = context
        .of('pod')
        .filter(({ metadata }) => isOfMesh || (metadata.namespace ?? 'default') === namespace)
      const isPicked = pods.some(({ metadata }) =>
        labels.every(([name, value]) => metadata.labels?.[name] === value),
      )
      if (isPicked || pods.length === 0) return []
      const text = labels.map(([name, value]) => `${name}=${String(value)}`).join(',')
      return [createMessage('IST0127', object, text)]
    }),
}
