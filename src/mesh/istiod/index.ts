/**
 * mesh/istiod: the control plane as one program: watches the API server, translates, pushes to proxies, injects pods
 * and, on the replica that leads, writes statuses, gateway deployments, root certificates and webhook trust.
 */
export { type LeaderOptions, runLeaderElection } from './leader.ts'
export { certificateLifetimes } from './lifetimes.ts'
export { ISTIOD_PORTS, type IstiodOptions, type IstiodPorts, runIstiod } from './istiod.ts'
