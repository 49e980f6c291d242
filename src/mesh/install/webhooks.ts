import type { KubeObject, LabelSelector, MutatingWebhook } from '../../kube/index.ts'
import { type Installation, revisioned } from './installation.ts'
import { ownerLabels } from './labels.ts'

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number]

const INJECTION = 'istio-injection'
const REVISION = 'istio.io/rev'
const SWITCH = 'sidecar.istio.io/inject'

const is = (key: string, ...values: readonly string[]): Requirement => ({ key, operator: 'In', values })
const isNot = (key: string, ...values: readonly string[]): Requirement => ({ key, operator: 'NotIn', values })
const absent = (key: string): Requirement => ({ key, operator: 'DoesNotExist' })

/** Never true: the webhook of the revision rests while the tag's does the work. */
const NEVER: LabelSelector = {
  matchLabels: { 'istio.io/deactivated': 'never-match' },
}

/**
 * The injection webhooks. Those of the revision, and for the unnamed revision those of the tag `default`, which then
 * serve `istio-injection=enabled`; the revision's own are deactivated, so that no pod is asked about twice.
 */
export function webhookObjects(installation: Installation): readonly KubeObject[] {
  const name = revisioned('istio-sidecar-injector', installation)
  if (installation.revision !== 'default') {
    return [
      configuration(
        installation,
        name,
        revisionWebhooks(installation, installation.revision, serviceName(installation)),
      ),
    ]
  }
  const all = (service: string) => [
    ...revisionWebhooks(installation, 'default', service),
    ...defaultWebhooks(installation, service),
  ]
  const resting = all('istiod').map((webhook) => ({
    ...webhook,
    namespaceSelector: NEVER,
    objectSelector: NEVER,
  }))
  return [
    configuration(installation, name, resting),
    configuration(installation, 'istio-revision-tag-default', all('istiod-revision-tag-default'), {
      'istio.io/tag': 'default',
    }),
  ]
}

function serviceName(installation: Installation): string {
  return revisioned('istiod', installation)
}

function configuration(
  installation: Installation,
  name: string,
  webhooks: readonly MutatingWebhook[],
  labels: Readonly<Record<string, string>> = {},
): KubeObject & { readonly webhooks: readonly MutatingWebhook[] } {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name, labels: { app: 'sidecar-injector', ...ownerLabels(installation, 'pilot'), ...labels } },
    webhooks,
  }
}

/** Namespaces and pods that name a revision (or tag). */
function revisionWebhooks(
  installation: Installation,
  revision: string,
  service: string,
): readonly MutatingWebhook[] {
  return [
    webhook(installation, 'rev.namespace', service, {
      namespaces: [is(REVISION, revision), absent(INJECTION)],
      pods: [isNot(SWITCH, 'false')],
    }),
    webhook(installation, 'rev.object', service, {
      namespaces: [absent(REVISION), absent(INJECTION)],
      pods: [isNot(SWITCH, 'false'), is(REVISION, revision)],
    }),
  ]
}

/** Namespaces with `istio-injection=enabled`, and pods that ask for it in a namespace that says nothing. */
function defaultWebhooks(installation: Installation, service: string): readonly MutatingWebhook[] {
  return [
    webhook(installation, 'namespace', service, {
      namespaces: [is(INJECTION, 'enabled')],
      pods: [isNot(SWITCH, 'false')],
    }),
    webhook(installation, 'object', service, {
      namespaces: [absent(INJECTION), absent(REVISION)],
      pods: [is(SWITCH, 'true'), absent(REVISION)],
    }),
  ]
}

function webhook(
  installation: Installation,
  prefix: string,
  service: string,
  selectors: { readonly namespaces: readonly Requirement[]; readonly pods: readonly Requirement[] },
): MutatingWebhook {
  return {
    name: `${prefix}.sidecar-injector.istio.io`,
    clientConfig: {
      service: { name: service, namespace: installation.namespace, path: '/inject', port: 443 },
    },
    rules: [
      { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: '*' },
    ],
    failurePolicy: 'Fail',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    reinvocationPolicy: 'Never',
    namespaceSelector: { matchExpressions: selectors.namespaces },
    objectSelector: { matchExpressions: selectors.pods },
  }
}
