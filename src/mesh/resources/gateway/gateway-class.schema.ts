/** GatewayClass and XMesh: the names under which controllers offer themselves. */
import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { keyedList, object, rule, string } from '../schema.ts'
import { conditions, controllerName, parametersReference, resource, waitingConditions } from './common.ts'
import { experimentalKind, type GatewayApiEdition, gatewayKind, STABLE_AND_BETA } from './edition.ts'

const ACCEPTED_COLUMN = {
  name: 'Accepted',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Accepted")].status',
} as const

export const gatewayClass = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  shortNames: ['gc'],
  scope: 'Cluster',
  versions: STABLE_AND_BETA,
  columns: [
    { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
    ACCEPTED_COLUMN,
    AGE_COLUMN,
    { name: 'Description', type: 'string', jsonPath: '.spec.description', priority: 1 },
  ],
  schema: () => resource(controllerSpec(), controllerStatus(['Accepted'])),
})

/** A mesh stands beside a class of gateways: a controller's name, and what it can do. */
export const mesh = (edition: GatewayApiEdition): KindDefinition => ({
  ...experimentalKind(edition),
  kind: 'XMesh',
  plural: 'xmeshes',
  shortNames: ['mesh'],
  scope: 'Cluster',
  columns: [ACCEPTED_COLUMN, AGE_COLUMN],
  schema: () => resource(controllerSpec(), controllerStatus(['Accepted', 'Programmed'])),
})

function controllerSpec(): StructuralSchema {
  const immutable = rule('Value is immutable', 'self == oldSelf')
  return object(
    {
      controllerName: { ...controllerName, 'x-kubernetes-validations': [immutable] },
      description: string({ maxLength: 64 }),
      parametersRef: parametersReference,
    },
    { required: ['controllerName'] },
  )
}

/** @param waiting the conditions of a status without any; a missing status waits for Accepted alone */
function controllerStatus(waiting: readonly string[]): StructuralSchema {
  return object(
    {
      conditions: conditions({ waiting }),
      supportedFeatures: keyedList('name', object({ name: string() }, { required: ['name'] }), {
        maxItems: 64,
      }),
    },
    { default: { conditions: waitingConditions(['Accepted']) } },
  )
}
