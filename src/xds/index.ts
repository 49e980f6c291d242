/**
 * xds: how the control plane tells proxies what the model says: delta xDS (`DeltaAggregatedResources` over gRPC) with
 * our own resource types, the model's canonical JSON in them. Each part has its own door: `types/` (pure), `server/`,
 * `client/` and `ca/`, so that a proxy does not load the server; what both sides name is repeated here.
 */
export * from './types/index.ts'
