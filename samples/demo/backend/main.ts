import { parsePort, serve } from '../common/http.ts'
import { createBackend, headerValue } from './app.ts'
import { parseOrigins } from './cors.ts'
import { createRedisClient } from './redis-client.ts'
import { createTokens } from './token.ts'
import { createUsers } from './users.ts'

// The same in every instance and version, so that a token from one is good at the other. A demo's secret: JWT_KEY replaces it.
const SIGNING_KEY = 'lateen-demo-app-signing-key'

const env = process.env
const version = env['VERSION'] ?? 'dev'
const store = parseAddress(env['REDIS_ADDR'] || 'redis:6379')

serve({
  name: 'backend',
  port: parsePort(env['PORT'], 3000),
  host: env['LISTEN'],
  headers: { 'X-Version': headerValue(version), Vary: 'Origin' },
  handle: createBackend({
    version,
    origins: parseOrigins(env['ALLOWED_HOSTS'] ?? ''),
    users: createUsers(createRedisClient(store.host, store.port)),
    tokens: createTokens(env['JWT_KEY'] || SIGNING_KEY, Date.now),
  }),
})

/** `host:port`, `[v6]:port`, or a host alone. */
function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<name>[^:]+))(?::(?<port>\d+))?$/.exec(text)?.groups
  const host = match?.['six'] ?? match?.['name']
  if (host === undefined) throw new Error(`REDIS_ADDR must be host:port, not "${text}"`)
  return { host, port: Number(match?.['port'] ?? 6379) }
}
