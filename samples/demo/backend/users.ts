import { StoreUnavailable } from './redis-client.ts'
import type { RedisClient, Reply } from './redis-client.ts'

export interface User {
  readonly username: string
  readonly group: string
}

/** Users as kept in the store. Every call may fail with `StoreUnavailable`, except `isReachable`. */
export interface Users {
  isReachable(): Promise<boolean>
  exists(name: string): Promise<boolean>
  /** False when the name is taken; of two that ask at once one wins. */
  add(name: string, passwordHash: string, group: string): Promise<boolean>
  passwordHash(name: string): Promise<string | undefined>
  /** False when there is no such user. */
  setPasswordHash(name: string, passwordHash: string): Promise<boolean>
  /** Empty when there is no such user. */
  group(name: string): Promise<string>
  list(): Promise<readonly User[]>
  /** False when there is no such user. */
  remove(name: string): Promise<boolean>
}

const USER = 'user:'
const GROUP = 'group:'
const SCAN_PAGE = '500'
/** So many groups are asked for at once, which bounds what one request puts in the client's queue. */
const BATCH = 32

export function createUsers(redis: RedisClient): Users {
  const group = async (name: string): Promise<string> =>
    textOf(await redis.command('GET', GROUP + name)) ?? ''
  return {
    async isReachable() {
      return redis.command('PING').then(
        (reply) => reply === 'PONG',
        () => false,
      )
    },
    exists: async (name) => (await redis.command('EXISTS', USER + name)) === 1,
    async add(name, passwordHash, groupName) {
      if ((await redis.command('SET', USER + name, passwordHash, 'NX')) !== 'OK') return false
      await redis.command('SET', GROUP + name, groupName)
      return true
    },
    passwordHash: async (name) => textOf(await redis.command('GET', USER + name)),
    setPasswordHash: async (name, passwordHash) =>
      (await redis.command('SET', USER + name, passwordHash, 'XX')) === 'OK',
    group,
    async list() {
      const names = await listNames(redis)
      const users: User[] = []
      for (let start = 0; start < names.length; start += BATCH) {
        const batch = names.slice(start, start + BATCH)
        users.push(
          ...(await Promise.all(batch.map(async (username) => ({ username, group: await group(username) })))),
        )
      }
      return users
    },
    async remove(name) {
      const [removed] = await Promise.all([
        redis.command('DEL', USER + name),
        redis.command('DEL', GROUP + name),
      ])
      return removed === 1
    },
  }
}

/** SCAN may name a key twice, so the names are gathered in a set. */
async function listNames(redis: RedisClient): Promise<readonly string[]> {
  const names = new Set<string>()
  let cursor = '0'
  do {
    const reply = await redis.command('SCAN', cursor, 'MATCH', `${USER}*`, 'COUNT', SCAN_PAGE)
    const [next, keys] = Array.isArray(reply) ? reply : []
    if (typeof next !== 'string' || !Array.isArray(keys))
      throw new StoreUnavailable('the reply to SCAN has another shape')
    for (const key of keys) names.add(String(key).slice(USER.length))
    cursor = next
  } while (cursor !== '0')
  return [...names]
}

function textOf(reply: Reply): string | undefined {
  return typeof reply === 'string' ? reply : undefined
}
