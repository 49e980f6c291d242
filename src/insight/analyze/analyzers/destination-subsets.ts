import { type Analyzer, namespaceOf } from '../context.ts'
import { destinationsOf, hostIdentity } from '../hosts.ts'
import { createMessage } from '../messages.ts'
import { listAt, textAt } from '../read.ts'

/** Subsets that no DestinationRule defines (IST0101). */
export const destinationSubsets: Analyzer = {
  name: 'virtualservice.DestinationRuleAnalyzer',
  analyze(context) {
    const defined = new Set(
      context.of('destinationRule').flatMap((object) =>
        listAt(object, 'spec', 'subsets').map((subset) => {
          const host = textAt(object, 'spec', 'host') ?? ''
          return `${hostIdentity(namespaceOf(object), host)}+${textAt(subset, 'name')}`
        }),
      ),
    )
    return context.of('virtualService').flatMap((object) =>
      destinationsOf(object)
        .filter(
          ({ host, subset }) =>
            subset !== undefined && !defined.has(`${hostIdentity(namespaceOf(object), host)}+${subset}`),
        )
        .map(({ host, subset, mirror }) =>
          createMessage(
            'IST0101',
            object,
            `${mirror ? 'mirror' : 'host'}+subset in destinationrule`,
            `${host}+${subset}`,
          ),
        ),
    )
  },
}
