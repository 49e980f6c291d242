import type { KubeObject } from '../../kube/index.ts'
import { crds } from '../resources/index.ts'
import { configurationObjects } from './configuration.ts'
import { gatewayComponent } from './gateway.ts'
import { type Installation, revisioned } from './installation.ts'
import { istiodObjects } from './istiod.ts'
import { ownerLabels } from './labels.ts'
import type { Component } from './profile.ts'
import { readerObjects, roleObjects, serviceAccount } from './roles.ts'
import { webhookObjects } from './webhooks.ts'

/** The objects of one part of an installation, in the order in which they are applied. */
export interface RenderedComponent {
  readonly component: Component
  readonly objects: readonly KubeObject[]
}

/** Everything that an installation consists of, but for its namespace. Pure: the same installation, the same objects. */
export function renderInstallation(installation: Installation): readonly RenderedComponent[] {
  return installation.components.map((component) => ({
    component,
    objects: objectsOf(component, installation),
  }))
}

function objectsOf(component: Component, installation: Installation): readonly KubeObject[] {
  switch (component) {
    case 'base':
      return [...crds().map((crd) => withOwner(crd, installation)), ...readerObjects(installation)]
    case 'pilot':
      return [
        serviceAccount(installation, revisioned('istiod', installation)),
        ...roleObjects(installation),
        ...configurationObjects(installation),
        ...istiodObjects(installation),
        ...webhookObjects(installation),
      ]
    default:
      return gatewayComponent(installation, component)
  }
}

/** A definition serves all revisions, so it names none. */
function withOwner(object: KubeObject, installation: Installation): KubeObject {
  const { 'istio.io/rev': _revision, ...labels } = ownerLabels(installation, 'base')
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } } }
}
