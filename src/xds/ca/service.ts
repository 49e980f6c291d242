import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type Client,
  Metadata,
  type Server,
  type ServerUnaryCall,
  type sendUnaryData,
  status as Code,
} from '@grpc/grpc-js'
import { messageOf } from '../../base/index.ts'
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../../proto/index.ts'
import { credentialsOf, type PeerCredentials } from './credentials.ts'

const PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate'

/** What is asked for. */
export interface CertificateRequest {
  /** PEM of a PKCS#10 request; only its public key counts, the names are those of the caller. */
  readonly csr: string
  readonly validitySeconds: number
}

export interface CertificateOrder extends CertificateRequest {
  readonly caller: PeerCredentials
  /** The identity of somebody else that the caller wants a certificate for, as Istio's node proxies do. */
  readonly impersonated?: string
}

export type CertificateAnswer =
  /**
   * PEM, one certificate each: the leaf first, then what leads to a root, then all roots that peers' chains may end in; the
   * last is the one that this chain ends in.
   */
  | { readonly kind: 'issued'; readonly chain: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The authority cannot sign. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** It could not be decided now; the client is to come again. */
  | { readonly kind: 'unavailable'; readonly reason: string }

const METHOD = {
  createCertificate: {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRequest,
    requestDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateRequestSchema, bytes),
    responseSerialize: (message: IstioCertificateResponse) =>
      Buffer.from(toBinary(IstioCertificateResponseSchema, message)),
    responseDeserialize: decodeResponse,
  },
} as const

type Call = ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>

/** Serves Istio's certificate service. `issue` answers; if it throws, the caller sees an internal error. */
export function serveCertificates(server: Server, issue: Issue): void {
  server.addService(METHOD, {
    createCertificate: (call: Call, done: sendUnaryData<IstioCertificateResponse>) => {
      void answerCall(call, issue, done)
    },
  })
}

type Issue = (order: CertificateOrder) => Promise<CertificateAnswer>

async function answerCall(
  call: Call,
  issue: Issue,
  done: sendUnaryData<IstioCertificateResponse>,
): Promise<void> {
  const order = orderOf(call)
  let answer: CertificateAnswer
  try {
    answer = await issue(order)
  } catch (error) {
    done({ code: Code.INTERNAL, details: messageOf(error) })
    return
  }
  if (answer.kind !== 'issued') done({ code: CODES[answer.kind], details: answer.reason })
  else done(null, create(IstioCertificateResponseSchema, { certChain: [...answer.chain] }))
}

/** As Istio's authority answers; a review that could not be made is worth another try, so it is no refusal. */
const CODES = {
  refused: Code.UNAUTHENTICATED,
  invalid: Code.INVALID_ARGUMENT,
  failed: Code.INTERNAL,
  unavailable: Code.UNAVAILABLE,
} as const

function orderOf(call: Call): CertificateOrder {
  const { csr, validityDuration, metadata } = call.request
  const impersonated = metadata?.['ImpersonatedIdentity']
  return {
    csr,
    validitySeconds: Number(validityDuration),
    caller: credentialsOf(call),
    ...(typeof impersonated === 'string' && impersonated !== '' ? { impersonated } : {}),
  }
}

/** Asks for a certificate over an open connection. @throws Error when it is refused or not answered by the deadline */
export function requestCertificate(
  client: Client,
  order: CertificateRequest & { readonly token: string | undefined; readonly deadlineMs: number },
): Promise<readonly string[]> {
  const metadata = new Metadata()
  if (order.token !== undefined) metadata.set('authorization', `Bearer ${order.token}`)
  const message = create(IstioCertificateRequestSchema, {
    csr: order.csr,
    validityDuration: BigInt(order.validitySeconds),
  })
  const deadline = Date.now() + order.deadlineMs
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      PATH,
      encodeRequest,
      decodeResponse,
      message,
      metadata,
      { deadline },
      (error, response) => {
        if (response) resolve(response.certChain)
        else reject(error ?? new Error('the certificate authority sent no answer'))
      },
    )
  })
}

function encodeRequest(message: IstioCertificateRequest): Buffer {
  return Buffer.from(toBinary(IstioCertificateRequestSchema, message))
}

function decodeResponse(bytes: Buffer): IstioCertificateResponse {
  return fromBinary(IstioCertificateResponseSchema, bytes)
}
