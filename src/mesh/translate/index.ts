/**
 * mesh/translate: the users' words into the mesh's. Resources of Kubernetes, the Gateway API and Istio become model
 * objects and, as a second result, the conditions and problems that tell their authors what became of them. Each kind
 * has a pure function of one object and what it looks up; the pipelines hang these into a graph of derived collections,
 * so that one change costs what depends on it. Nothing after this folder knows Kubernetes. Pure.
 */
export { BUILT_IN_CLASS, SUPPORTED_FEATURES } from './gateway-api/class.ts'
export type { GatewayDeployment, GatewayPort } from './gateway-api/gateway-deployment.ts'
export { OVERLAID_KINDS, type OverlaidKind } from './gateway-api/gateway-parameters.ts'
export { GATEWAY_NAME_LABEL } from './gateway-api/gateway.ts'
export { objectKey, resolveShortHost, serviceHostname } from './names.ts'
export type { Problem } from './problem.ts'
export { MESH_CONFIG_MAP } from './registry-pipeline.ts'
export { DEFAULT_SETTINGS, type MeshSettings } from './settings.ts'
export {
  createSources,
  deleteObject,
  setObject,
  SOURCE_KINDS,
  type SourceKind,
  type Sources,
} from './sources.ts'
export { type ConditionIntent, CONTROLLER_NAME, type StatusUpdate } from './status.ts'
export { createTranslation, type Translation } from './translation.ts'
