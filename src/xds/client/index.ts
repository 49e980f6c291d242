/**
 * xds/client: a subscriber of the control plane by delta xDS. It keeps asking with a jittered wait, resumes where it
 * was (`initial_resource_versions`), hands over what changed, and reports what was rejected. What it has handed over
 * stays valid while the control plane is away.
 */
export { createXdsChannels, type XdsChannels, type XdsEndpoint } from './channels.ts'
export { createXdsClient, resolveEndpoint } from './client.ts'
export type { XdsChange, XdsClient, XdsClientOptions, XdsRejection } from './contract.ts'
export type { ProxyNode } from '../types/index.ts'
