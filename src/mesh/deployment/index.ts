/**
 * mesh/deployment: the proxies of managed Gateways. What the translation says is to be deployed becomes a
 * ServiceAccount, a Deployment and a Service, applied until the cluster agrees.
 */
export { createDeploymentController, type DeploymentController } from './controller.ts'
