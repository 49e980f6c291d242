import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { ApiError, createKubeClient, type KubeClient, KINDS } from '../../src/kube/client/index.ts'
import type { Pki } from '../../src/local-cluster/apiserver/index.ts'
import { createSqliteStore } from '../../src/local-cluster/store/index.ts'
import {
  pkiOf,
  type ServerOptions,
  type ServerProcess,
  startServer,
  storePath,
  transportTo,
} from './server-process.ts'
import { note as noteOf, type Note } from './ledger.ts'

/** 2,000 blocks of 512 bytes: the log reaches that after some hundred writes. */
const SMALL_FILES = ['sh', '-c', 'ulimit -f 2000; exec "$@"', 'sh']
const WRITES_MAX = 5000
const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
/** The directory of the store, `$0`, for this process alone. */
const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
const PAYLOAD = 'x'.repeat(3000)

const note = (name: string, value: string) => noteOf(`default/${name}`, value)

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})

async function newDirectory(): Promise<{ readonly directory: string; readonly pki: Pki }> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-disk-'))
  directories.push(directory)
  return { directory, pki: await pkiOf(directory) }
}

async function withServer<T>(
  options: Parameters<typeof startServer>[0] & { readonly pki: Pki },
  use: (client: KubeClient, server: ServerProcess) => Promise<T>,
): Promise<T> {
  const server = await startServer(options)
  const transport = transportTo(server.port, options.pki)
  try {
    return await use(createKubeClient(transport), server)
  } finally {
    transport.close()
    await server.kill()
  }
}

/** @returns the names that were acknowledged, and the refusal that came after them */
async function writeUntilRefused(
  client: KubeClient,
): Promise<{ readonly written: readonly string[]; readonly error: ApiError }> {
  const written: string[] = []
  for (let count = 0; count < WRITES_MAX; count += 1) {
    const name = `full-${count}`
    try {
      await client.create<Note>(KINDS.configMap, note(name, PAYLOAD))
      written.push(name)
    } catch (error) {
      assert.ok(error instanceof ApiError, String(error))
      return { written, error }
    }
  }
  throw new Error(`${WRITES_MAX} writes fitted on a full disk`)
}

async function namesOf(client: KubeClient): Promise<readonly string[]> {
  const { items } = await client.list<Note>(KINDS.configMap, { namespace: 'default' })
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('full-'))
}

describe('a full disk', () => {
  test('refuses writes with the reason, serves reads, and loses nothing of what was acknowledged', async () => {
    const { directory, pki } = await newDirectory()
    const written = await withServer({ directory, pki, enter: SMALL_FILES }, async (client) => {
      const { written, error } = await writeUntilRefused(client)
      assert.ok(written.length > 50, `only ${written.length} writes fitted`)
      assert.equal(error.status, 500)
      assert.match(
        error.message,
        /the write was not stored: .*; check that the disk is neither full nor read-only/,
      )
      assert.deepEqual([...(await namesOf(client))].sort(), [...written].sort())
      const again = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          client.create(KINDS.configMap, note(`full-more-${index}`, PAYLOAD)),
        ),
      )
      const more = again.flatMap((each, index) => (each.status === 'fulfilled' ? [`full-more-${index}`] : []))
      assert.deepEqual([...(await namesOf(client))].sort(), [...written, ...more].sort())
      return [...written, ...more]
    })
    await withServer({ directory, pki }, async (client) => {
      assert.deepEqual([...(await namesOf(client))].sort(), [...written].sort())
      await client.create(KINDS.configMap, note('full-after', PAYLOAD))
    })
  })

  const mount =
    'mount -t tmpfs -o size=3m tmpfs "$0" && head -c 2000000 /dev/zero > "$0/ballast" && exec "$@"'
  test(
    'takes writes again when there is room again',
    { skip: canMount ? false : 'needs the right to mount a small tmpfs' },
    async () => {
      const { directory, pki } = await newDirectory()
      const store = join(directory, 'store')
      const enter = ['unshare', '-m', 'sh', '-c', mount, store]
      await withServer({ directory, pki, enter }, async (client, server) => {
        const { written, error } = await writeUntilRefused(client)
        assert.match(
          error.message,
          /not stored: database or disk is full; check that the disk is neither full/,
        )
        const inside = `/proc/${server.pid}/root${store}`
        rmSync(join(inside, 'ballast'))
        await client.create(KINDS.configMap, note('full-room', PAYLOAD))
        assert.deepEqual([...(await namesOf(client))].sort(), [...written, 'full-room'].sort())
      })
    },
  )
})

describe('a server does not start', () => {
  let directory: string
  let pki: Pki
  let path: string
  const write = (first: number) =>
    withServer({ directory, pki }, async (client) => {
      for (let count = first; count < first + 25; count += 1) {
        await client.create(KINDS.configMap, note(`full-${count}`, 'x'))
      }
    })
  before(async () => {
    ;({ directory, pki } = await newDirectory())
    path = storePath(directory)
    await write(0)
    createSqliteStore({ path }).close() // takes the log into the file
  })

  async function failureOfStart(
    options: Pick<ServerOptions, 'enter'>,
  ): Promise<{ readonly code: number; readonly stderr: string }> {
    let server: ServerProcess
    try {
      server = await startServer({ directory, ...options })
    } catch (error) {
      return error as { code: number; stderr: string }
    }
    await server.kill()
    assert.fail('it started')
  }

  /** Status 1, one message that names the file and the remedy, and every byte as it was. */
  async function refuses(message: RegExp, options: Pick<ServerOptions, 'enter'> = {}): Promise<void> {
    const files = [path, `${path}-wal`, `${path}-revision`]
    const hash = () =>
      files
        .filter((file) => existsSync(file) && statSync(file).size > 0)
        .map((file) => createHash('sha256').update(readFileSync(file)).digest('hex'))
    const before = hash()
    const error = await failureOfStart(options)
    assert.equal(error.code, 1)
    assert.match(error.stderr, new RegExp(`^cannot open the store ${path}: .*${message.source}.*\n$`))
    assert.deepEqual(hash(), before)
  }

  /** Damages the files for the time of one call. */
  async function damaged(file: string, damage: (bytes: Buffer) => Buffer, check: () => Promise<void>) {
    const whole = readFileSync(file)
    writeFileSync(file, damage(Buffer.from(whole)))
    await check()
    writeFileSync(file, whole)
  }

  test('on a file that is no database', () =>
    damaged(
      path,
      () => Buffer.from('no database at all\n'.repeat(300)),
      () => refuses(/file is not a database; nothing was changed: move the file away/),
    ))

  test('on a log that was cut', async () => {
    await write(25)
    await damaged(
      `${path}-wal`,
      (bytes) => bytes.subarray(0, 10_000),
      () => refuses(/the newest writes are missing.*restore a copy/),
    )
  })

  test('while another one has the file open', async () => {
    await withServer({ directory, pki }, async (client) => {
      await refuses(/database is locked; another API server uses it: stop that one first/)
      await client.create(KINDS.configMap, note('full-second', 'x'))
    })
  })

  test(
    'on a file system that may not be written',
    { skip: canMount ? false : 'needs the right to mount' },
    () =>
      refuses(/; check that the directory exists, that the disk may be written, and that it is not full/, {
        enter: ['unshare', '-m', 'sh', '-c', READ_ONLY, join(directory, 'store')],
      }),
  )

  test('on a file of a newer version', async () => {
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 77')
    db.close()
    await refuses(
      /a newer version of Lateen wrote it \(schema 77, this one knows 1\); .*: start that version again/,
    )
    const restored = new DatabaseSync(path)
    restored.exec('PRAGMA user_version = 1')
    restored.close()
  })

  test('but on everything that was acknowledged, once it is whole again', () =>
    withServer({ directory, pki }, async (client) => {
      assert.equal((await namesOf(client)).length, 51)
    }))
})
