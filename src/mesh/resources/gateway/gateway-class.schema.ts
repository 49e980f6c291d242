import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { keyedList, object, rule, string } from '../schema.ts'
import {
  conditions,
  controllerName,
  GATEWAY_KIND,
  group,
  kind,
  namespace,
  objectName,
  resource,
  STABLE_AND_BETA,
  waitingConditions,
} from './common.ts'

export const GATEWAY_CLASS: KindDefinition = {
  ...GATEWAY_KIND,
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  shortNames: ['gc'],
  scope: 'Cluster',
  versions: STABLE_AND_BETA,
  columns: [
    { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
    { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
    AGE_COLUMN,
    { name: 'Description', type: 'string', jsonPath: '.spec.description', priority: 1 },
  ],
  schema: () =>
    resource(
      object(
        {
          controllerName: {
            ...controllerName,
            'x-kubernetes-validations': [rule('Value is immutable', 'self == oldSelf')],
          },
          description: string({ maxLength: 64 }),
          parametersRef: object(
            { group, kind, name: objectName, namespace },
            { required: ['group', 'kind', 'name'] },
          ),
        },
        { required: ['controllerName'] },
      ),
      object(
        {
          conditions: conditions({ waiting: ['Accepted'] }),
          supportedFeatures: keyedList('name', object({ name: string() }, { required: ['name'] }), {
            maxItems: 64,
          }),
        },
        { default: { conditions: waitingConditions(['Accepted']) } },
      ),
    ),
}
