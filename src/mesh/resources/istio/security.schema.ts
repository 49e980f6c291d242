/** AuthorizationPolicy, PeerAuthentication and RequestAuthentication: who may talk to whom, and as whom. */
import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { ISTIO_SECURITY_GROUP } from '../kinds.ts'
import { atMostOneOf, boolean, list, map, object, rule, string, word } from '../schema.ts'
import {
  duration,
  ISTIO_KIND,
  ISTIO_LABELS,
  onlyOneTarget,
  resource,
  strings,
  targetReference,
  targetReferences,
  workloadMatchLabels,
} from './common.ts'

const SECURITY_KIND = {
  ...ISTIO_KIND,
  group: ISTIO_SECURITY_GROUP,
  categories: ['istio-io', 'security-istio-io'],
  labels: { ...ISTIO_LABELS, istio: 'security' },
  versions: [{ name: 'v1', storage: true }, { name: 'v1beta1' }],
} as const satisfies Partial<KindDefinition>

const attachment = {
  selector: workloadMatchLabels,
  targetRef: targetReference,
  targetRefs: targetReferences,
}
const ONE_ATTACHMENT = onlyOneTarget('selector', 'selector', 'targetRef', 'targetRefs')

export const AUTHORIZATION_POLICY: KindDefinition = {
  ...SECURITY_KIND,
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['ap'],
  columns: [{ name: 'Action', type: 'string', jsonPath: '.spec.action' }, AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          ...attachment,
          action: word('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
          provider: object({ name: string() }),
          rules: list(authorizationRule(), { maxItems: 512 }),
        },
        { ...atMostOneOf('provider'), rules: [ONE_ATTACHMENT] },
      ),
    ),
}

function authorizationRule(): StructuralSchema {
  const operation = object(
    Object.fromEntries(withNegation('hosts', 'methods', 'paths', 'ports').map((name) => [name, strings])),
  )
  return object({
    from: list(object({ source: source() }), { maxItems: 512 }),
    to: list(object({ operation })),
    when: list(object({ key: string(), notValues: strings, values: strings }, { required: ['key'] })),
  })
}

function source(): StructuralSchema {
  const names = withNegation(
    'ipBlocks',
    'namespaces',
    'principals',
    'remoteIpBlocks',
    'requestPrincipals',
    'trustDomains',
  )
  const serviceAccounts = list(string({ maxLength: 320 }), { maxItems: 16 })
  return object(
    {
      ...Object.fromEntries(names.map((name) => [name, strings])),
      serviceAccounts,
      notServiceAccounts: serviceAccounts,
    },
    {
      rules: [
        rule(
          'Cannot set serviceAccounts with namespaces or principals',
          '(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) &&\n' +
            '!has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true',
        ),
      ],
    },
  )
}

/** Each condition of a policy has a twin that says what must not be. */
function withNegation(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [name, `not${name.charAt(0).toUpperCase()}${name.slice(1)}`])
}

export const PEER_AUTHENTICATION: KindDefinition = {
  ...SECURITY_KIND,
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  shortNames: ['pa'],
  columns: [{ name: 'Mode', type: 'string', jsonPath: '.spec.mtls.mode' }, AGE_COLUMN],
  schema: () => {
    const mtls = object({ mode: word('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') })
    return resource(
      object(
        {
          mtls,
          portLevelMtls: map(mtls, {
            minProperties: 1,
            rules: [rule('port must be between 1-65535', 'self.all(key, 0 < int(key) && int(key) <= 65535)')],
          }),
          selector: workloadMatchLabels,
        },
        {
          rules: [
            rule(
              'portLevelMtls requires selector',
              'has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? ' +
                'self.selector.matchLabels : {}).size() > 0) : true',
            ),
          ],
        },
      ),
    )
  },
}

export const REQUEST_AUTHENTICATION: KindDefinition = {
  ...SECURITY_KIND,
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  shortNames: ['ra'],
  schema: () =>
    resource(
      object({ ...attachment, jwtRules: list(jwtRule(), { maxItems: 4096 }) }, { rules: [ONE_ATTACHMENT] }),
    ),
}

function jwtRule(): StructuralSchema {
  const filled = string({ minLength: 1 })
  const keySetUrl = string({
    minLength: 1,
    maxLength: 2048,
    rules: [rule('url must have scheme http:// or https://', 'url(self).getScheme() in ["http", "https"]')],
  })
  const claimToHeader = object(
    { claim: filled, header: string({ minLength: 1, pattern: '^[-_A-Za-z0-9]+$' }) },
    { required: ['header', 'claim'] },
  )
  return object(
    {
      audiences: list(filled),
      forwardOriginalToken: boolean(),
      fromCookies: list(filled),
      fromHeaders: list(object({ name: filled, prefix: string() }, { required: ['name'] })),
      fromParams: list(filled),
      issuer: filled,
      jwks: string(),
      jwks_uri: keySetUrl,
      jwksUri: keySetUrl,
      outputClaimToHeaders: list(claimToHeader),
      outputPayloadToHeader: string(),
      spaceDelimitedClaims: list(filled, { maxItems: 64 }),
      timeout: duration,
    },
    {
      rules: [
        rule(
          'only one of jwks or jwksUri can be set',
          '(has(self.jwksUri) ? 1 : 0) + (has(self.jwks_uri) ? 1 : 0) + (has(self.jwks) ? 1 : 0) <= 1',
        ),
      ],
    },
  )
}
