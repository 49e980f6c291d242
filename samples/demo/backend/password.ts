import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

// Some 50 to 100 ms of one core, in the thread pool, with 16 MB: slow on purpose (demo-app storage), and seen in the mesh's upstream time.
const COST = { N: 16_384, r: 8, p: 2 } as const
const HASH_BYTES = 32
const PREFIX = `scrypt$${COST.N}$${COST.r}$${COST.p}`

/** Hashes a password with a fresh salt, without blocking other requests. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt)
  return `${PREFIX}$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

/** False as well for a stored text that this program did not write. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  const fields = stored.split('$')
  const [salt, hash] = fields.slice(4).map((field) => Buffer.from(field, 'base64url'))
  if (fields.slice(0, 4).join('$') !== PREFIX || salt === undefined || hash?.length !== HASH_BYTES)
    return false
  return timingSafeEqual(await derive(password, salt), hash)
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, COST, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    )
  })
}
