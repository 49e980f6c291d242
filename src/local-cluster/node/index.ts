/**
 * local-cluster/node: the node of the one-machine cluster, which is kubelet, container runtime and scheduler in one.
 * A pod is a network namespace on the bridge plus processes (or an instance inside the node proxy); an image is a
 * program of this machine. Containers outlive this process: a later node agent adopts them by what they leave on
 * disk. It talks to the API server through a KubeClient alone. Services and DNS are their own folders.
 */
export { createNodeAgent, type NodeAgent, type NodeAgentOptions } from './agent.ts'
export type { NodeNetwork } from './addresses.ts'
export { GENERAL_PURPOSE_IMAGES } from './general-images.ts'
export {
  addImageMapping,
  findProgram,
  type ImageEntry,
  type ImageFile,
  type ImageProgram,
  listImageMappings,
  removeImageMapping,
} from './images.ts'
export { teardownNode, type TeardownOptions } from './teardown.ts'
