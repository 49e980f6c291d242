/**
 * policy: what is allowed, as decisions with their reasons: how many requests in a time, and who may do what. Pure: time
 * and chance come in as arguments, so that the same code serves requests and answers questions about them.
 */
export { type ConnectionFacts, parsePeerIdentity, type PeerIdentityFacts } from './connection.ts'
export {
  type Authorizer,
  compileAuthorizer,
  type CustomAsk,
  type Remarks,
  type RuleName,
  type Verdict,
} from './authorization/authorizer.ts'
export type { RequestAuth, RequestFacts } from './authorization/facts.ts'
export type { TrustDomains } from './authorization/trust-domains.ts'
export {
  type AuthenticatedWorkload,
  createPeerAuthenticator,
  type PeerAuthenticator,
  type PeerTlsDecision,
} from './peer-authentication.ts'
export { createRateDecider, type RateDecider, type RateDecision } from './rate-decider.ts'
export { createTokenBucket, type TokenBucketState } from './token-bucket.ts'
