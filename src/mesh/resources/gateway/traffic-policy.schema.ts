import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { integer, list, object, rule, string, word } from '../schema.ts'
import { durationText, localReference, policyStatus, resource } from './common.ts'
import { experimentalKind, type GatewayApiEdition } from './edition.ts'

export const backendTrafficPolicy = (edition: GatewayApiEdition): KindDefinition => ({
  ...experimentalKind(edition),
  kind: 'XBackendTrafficPolicy',
  plural: 'xbackendtrafficpolicies',
  shortNames: ['xbtrafficpolicy'],
  labels: { 'gateway.networking.k8s.io/policy': 'Direct' },
  columns: [AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          retryConstraint: retryConstraint(),
          sessionPersistence: sessionPersistence(),
          targetRefs: list(localReference, {
            minItems: 1,
            maxItems: 16,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['group', 'kind', 'name'],
          }),
        },
        { required: ['targetRefs'] },
      ),
      policyStatus,
    ),
})

function retryConstraint(): StructuralSchema {
  const budgetInterval = rule(
    'interval cannot be greater than one hour or less than one second',
    "!(duration(self) < duration('1s') || duration(self) > duration('1h'))",
  )
  const rateInterval = rule(
    'interval cannot be greater than one hour',
    "!(duration(self) == duration('0s') || duration(self) > duration('1h'))",
  )
  return object({
    budget: object(
      {
        interval: { ...durationText, default: '10s', 'x-kubernetes-validations': [budgetInterval] },
        percent: integer({ default: 20, minimum: 0, maximum: 100 }),
      },
      { default: { interval: '10s', percent: 20 } },
    ),
    minRetryRate: object(
      {
        count: integer({ minimum: 1, maximum: 1_000_000 }),
        interval: { ...durationText, 'x-kubernetes-validations': [rateInterval] },
      },
      { default: { count: 10, interval: '1s' } },
    ),
  })
}

/** How requests of one client keep to one backend; routes of the experimental channel have it too. */
export function sessionPersistence(): StructuralSchema {
  return object(
    {
      absoluteTimeout: durationText,
      cookieConfig: object({ lifetimeType: { ...word('Permanent', 'Session'), default: 'Session' } }),
      sessionName: string({ maxLength: 128 }),
      type: { ...word('Cookie', 'Header'), default: 'Cookie' },
    },
    {
      rules: [
        rule(
          'AbsoluteTimeout must be specified when cookie lifetimeType is Permanent',
          "!has(self.cookieConfig) || !has(self.cookieConfig.lifetimeType) || self.cookieConfig.lifetimeType != 'Permanent' || has(self.absoluteTimeout)",
        ),
        rule(
          'cookieConfig can only be set with type Cookie',
          "!has(self.cookieConfig) || self.type == 'Cookie'",
        ),
      ],
    },
  )
}
