/** Why a token is refused, in Envoy's words (jwt_verify_lib). */
export const JWT = {
  form: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  headerBase64: 'Jwt header is an invalid Base64url encoded',
  headerJson: 'Jwt header is an invalid JSON',
  algMissing: 'Jwt header [alg] field is required and must be a string',
  algUnknown: 'Jwt header [alg] is not supported',
  kid: 'Jwt header [kid] field is not a string',
  payloadBase64: 'Jwt payload is an invalid Base64url encoded',
  payloadJson: 'Jwt payload is an invalid JSON',
  issuerType: 'Jwt payload [iss] field is not a string',
  subjectType: 'Jwt payload [sub] field is not a string',
  notBeforeType: 'Jwt payload [nbf] field is not a positive integer or a positive double',
  expiryType: 'Jwt payload [exp] field is not a positive integer or a positive double',
  audienceType: 'Jwt payload [aud] field is not a string or a list of strings',
  signatureBase64: 'Jwt signature is an invalid Base64url encoded',
  issuer: 'Jwt issuer is not configured',
  expired: 'Jwt is expired',
  early: 'Jwt not yet valid',
  audience: 'Audiences in Jwt are not allowed',
  signature: 'Jwt verification fails',
  noKey: "Jwks doesn't have key to match kid or alg from Jwt",
  keysJson: 'Jwks is an invalid JSON',
  noKeys: "Jwks doesn't have any valid public key",
  fetch: 'Jwks remote fetch is failed',
} as const

export type JwtProblem = (typeof JWT)[keyof typeof JWT]
