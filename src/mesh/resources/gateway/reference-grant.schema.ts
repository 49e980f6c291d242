import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, object } from '../schema.ts'
import { group, kind, namespace, objectName, resource } from './common.ts'
import { type GatewayApiEdition, gatewayKind, isNewer } from './edition.ts'

export const referenceGrant = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'ReferenceGrant',
  plural: 'referencegrants',
  shortNames: ['refgrant'],
  versions: [...(isNewer(edition) ? [{ name: 'v1' }] : []), { name: 'v1beta1', storage: true }],
  columns: [AGE_COLUMN],
  hasStatus: false,
  schema: () =>
    resource(
      object(
        {
          from: atomicList(object({ group, kind, namespace }, { required: ['group', 'kind', 'namespace'] }), {
            minItems: 1,
            maxItems: 16,
          }),
          to: atomicList(object({ group, kind, name: objectName }, { required: ['group', 'kind'] }), {
            minItems: 1,
            maxItems: 16,
          }),
        },
        { required: ['from', 'to'] },
      ),
      undefined,
      isNewer(edition),
    ),
})
