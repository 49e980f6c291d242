import { MODEL_TYPES, type ModelType } from '../../model/index.ts'

const PREFIX = 'type.googleapis.com/lateen.v1.'

const TYPE_NAMES = {
  mesh: 'Mesh',
  workload: 'Workload',
  service: 'Service',
  credential: 'Credential',
  listener: 'Listener',
  route: 'Route',
  'connection-route': 'ConnectionRoute',
  'rate-limit': 'RateLimit',
  'http-bounds': 'HttpBounds',
  telemetry: 'Telemetry',
  'peer-authentication': 'PeerAuthentication',
  sidecar: 'Sidecar',
  'request-authentication': 'RequestAuthentication',
  'authorization-policy': 'AuthorizationPolicy',
} as const satisfies Readonly<Record<ModelType, string>>

/** The name of a model type on the wire, e.g. `type.googleapis.com/lateen.v1.Route`. */
export function typeUrlOf(type: ModelType): string {
  return PREFIX + TYPE_NAMES[type]
}

/** @returns undefined for a type that is not one of ours (Envoy's, or of a newer version) */
export function typeOfUrl(url: string): ModelType | undefined {
  return MODEL_TYPES.find((type) => typeUrlOf(type) === url)
}
