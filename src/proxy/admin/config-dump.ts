import type { Credential, Mesh, TelemetryProvider } from '../../model/index.ts'
import { json, text } from './answers.ts'
import { clusters } from './clusters.ts'
import { nameFilter } from './stats-query.ts'
import type { AdminAnswer, AdminContext, AdminRequest } from './types.ts'

const REDACTED = '[redacted]'

/** The model objects as they were accepted: what the proxy works with, in the mesh's own words. Secrets are left out. */
export function configDump(request: AdminRequest, context: AdminContext): AdminAnswer {
  const { query } = request
  const isNamed = nameFilter(query.get('name_regex'))
  if (typeof isNamed === 'string') return text(`${isNamed}\n`, 400)
  if (query.has('mask')) return text('mask is not supported here; resource and name_regex are\n', 400)
  const resource = query.get('resource')
  const all = sections(context)
  const wanted = resource === null ? all : all.filter((section) => Object.hasOwn(section, resource))
  if (wanted.length === 0) {
    const known = all.flatMap((section) => Object.keys(section).filter((name) => name !== '@type'))
    return text(`${resource ?? ''} not found in config dump; there are ${known.join(', ')}\n`, 404)
  }
  const configs = wanted.map((section) =>
    Object.fromEntries(
      Object.entries(section).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.filter((one: unknown) => isNamed(nameOf(one))) : value,
      ]),
    ),
  )
  return json({ configs })
}

function nameOf(object: unknown): string {
  if (typeof object === 'string') return object
  const { key, name } = object as { readonly key?: string; readonly name?: string }
  return key ?? name ?? ''
}

type Section = Readonly<Record<string, unknown>>

function sections(context: AdminContext): readonly Section[] {
  const { runtime, gateway } = context.instance
  const { store } = runtime
  const sidecar = runtime.scope.sidecar()
  return [
    { '@type': 'lateen.v1.Mesh', mesh: withoutSecrets(store.mesh()) },
    { '@type': 'lateen.v1.Sidecars', sidecars: sidecar === undefined ? [] : [sidecar] },
    { '@type': 'lateen.v1.Telemetries', telemetries: [...store.telemetry()] },
    { '@type': 'lateen.v1.Listeners', listeners: [...store.listeners()] },
    {
      '@type': 'lateen.v1.Routes',
      routes: [...runtime.routes()].map((route) => route.source),
      waiting: [...runtime.waiting()],
    },
    { '@type': 'lateen.v1.ConnectionRoutes', connectionRoutes: [...runtime.connectionRoutes.routes()] },
    {
      '@type': 'lateen.v1.AuthorizationPolicies',
      authorizationPolicies: [...runtime.guards.policies()],
    },
    {
      '@type': 'lateen.v1.RequestAuthentications',
      requestAuthentications: [...runtime.guards.authentications()],
    },
    { '@type': 'lateen.v1.Services', services: [...store.services()] },
    { '@type': 'lateen.v1.Workloads', workloads: [...store.workloads()] },
    { '@type': 'lateen.v1.Credentials', credentials: [...store.credentials()].map(publicPart) },
    {
      '@type': 'lateen.v1.Clusters',
      clusters: clusters({ method: 'GET', query: new URLSearchParams() }, context).cluster_statuses,
    },
    { '@type': 'lateen.v1.Problems', ports: Object.fromEntries(gateway?.problems() ?? []) },
  ]
}

/** Who may hold it, and that it is there: never a key. Certificates are on `/certs`. */
function publicPart({ type, key, holders, certificate, trust, origin }: Credential) {
  return {
    type,
    key,
    holders,
    ...(certificate !== undefined && { certificate: REDACTED }),
    ...(trust !== undefined && { trust: REDACTED }),
    origin,
  }
}

/** What is sent to a collector with every export may be its password. */
function withoutSecrets(mesh: Mesh | undefined): Mesh | undefined {
  if (mesh?.telemetry === undefined) return mesh
  const providers = mesh.telemetry.providers.map((provider): TelemetryProvider =>
    provider.kind === 'opentelemetry'
      ? { ...provider, headers: provider.headers.map(({ name }) => ({ name, value: REDACTED })) }
      : provider,
  )
  return { ...mesh, telemetry: { ...mesh.telemetry, providers } }
}
