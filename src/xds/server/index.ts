/**
 * xds/server: serves collections of model objects by delta xDS. Each object is encoded once per version; each stream
 * gets the difference between what it has and what it may see, make before break, with one unacknowledged response of
 * a type at most, so a slow proxy costs one set of keys and hears the newest state.
 */
export type {
  Authenticate,
  Authentication,
  ModelCollections,
  PeerIdentity,
  ProxyStatus,
  Rejection,
  TypeStatus,
  XdsLimits,
  XdsObserver,
  XdsPush,
  XdsServerOptions,
} from './contract.ts'
export { createXdsServer, type XdsServer } from './server.ts'
