/**
 * policy: what is allowed, as decisions with their reasons: so far how many requests in a time. Pure: time and chance
 * come in as arguments, so that the same code serves requests and answers questions about them.
 */
export { type ConnectionFacts, parsePeerIdentity, type PeerIdentityFacts } from './connection.ts'
export { createRateDecider, type RateDecider, type RateDecision } from './rate-decider.ts'
export { createTokenBucket, type TokenBucketState } from './token-bucket.ts'
