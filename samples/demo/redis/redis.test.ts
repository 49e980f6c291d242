import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '@redis/client'
import { runProgram, startProgram, withDeadline } from '../testing/program.ts'
import type { Program } from '../testing/program.ts'

const real = (process.env['PATH'] ?? '')
  .split(delimiter)
  .find((folder) => existsSync(join(folder, 'redis-server')))

const SERVERS = [
  {
    name: 'the real server',
    PATH: process.env['PATH'] ?? '',
    skip: real === undefined && 'redis-server is not installed',
  },
  // Nothing but this very program's folder is searched, so the real server is not found.
  { name: 'our own server', PATH: join(dirname(process.execPath), 'none'), skip: false as const },
]

/** A connection that sends bytes as they are, and waits until the answer is as long as expected. */
function rawConnection(port: number): {
  readonly ask: (bytes: string, expected: string) => Promise<void>
  readonly socket: Socket
} {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let received = ''
  let wake = (): void => undefined
  const receive = (chunk: Buffer): void => {
    received += chunk.toString('latin1')
    wake()
  }
  socket.on('data', receive).on('close', () => wake())
  const ask = async (bytes: string, expected: string): Promise<void> => {
    received = ''
    socket.write(bytes, 'latin1')
    const enough = new Promise<void>((resolve) => {
      wake = () => (received.length >= expected.length || socket.destroyed ? resolve() : undefined)
    })
    await withDeadline(enough, `no answer ${JSON.stringify(expected)} but ${JSON.stringify(received)}`)
    assert.equal(received, expected)
  }
  return { ask, socket }
}

for (const { name, PATH, skip } of SERVERS) {
  describe(name, { skip }, () => {
    let redis: Program
    before(async () => {
      redis = await startProgram('redis/main.ts', {
        PATH,
        ALLOW_EMPTY_PASSWORD: 'yes',
        REDIS_DISABLE_COMMANDS: 'FLUSHDB, FLUSHALL',
      })
    })
    after(() => redis.stop())

    test('inline commands are answered, in any case of letters', async () => {
      const { ask, socket } = rawConnection(redis.port)
      await ask('PING\r\n', '+PONG\r\n')
      await ask('ping\n', '+PONG\r\n')
      await ask('\r\nset "a b" \'c d\'\r\nGET "a b"\r\n', '+OK\r\n$3\r\nc d\r\n')
      socket.destroy()
    })

    test('commands as arrays are answered in order, however they are cut into pieces', async () => {
      const { ask, socket } = rawConnection(redis.port)
      const command = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\x00\xff\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
      for (const byte of command.slice(0, -1)) socket.write(byte, 'latin1')
      await ask(command.slice(-1), '+OK\r\n$4\r\n\r\n\x00\xff\r\n')
      await ask('*2\r\n$3\r\nGET\r\n$7\r\nmissing\r\n', '$-1\r\n')
      socket.destroy()
    })

    test('SET with NX adds only, with XX replaces only, with GET tells the old value', async () => {
      const { ask, socket } = rawConnection(redis.port)
      await ask('SET once 1 XX\r\n', '$-1\r\n')
      await ask('SET once 1 NX\r\n', '+OK\r\n')
      await ask('SET once 2 NX\r\n', '$-1\r\n')
      await ask('SET once 3 XX\r\n', '+OK\r\n')
      await ask('SET once 4 GET\r\n', '$1\r\n3\r\n')
      await ask('SET once 4 NX XX\r\n', '-ERR syntax error\r\n')
      await ask('EXISTS once once missing\r\n', ':2\r\n')
      await ask('DEL once once missing\r\n', ':1\r\n')
      socket.destroy()
    })

    test('databases are apart, and an unknown one is refused', async () => {
      const { ask, socket } = rawConnection(redis.port)
      await ask(
        'SET here 1\r\nSELECT 3\r\nEXISTS here\r\nSELECT 0\r\nEXISTS here\r\n',
        '+OK\r\n+OK\r\n:0\r\n+OK\r\n:1\r\n',
      )
      await ask('SELECT 99\r\n', '-ERR DB index is out of range\r\n')
      socket.destroy()
    })

    test('wrong commands get an error, and the connection goes on', async () => {
      const { ask, socket } = rawConnection(redis.port)
      await ask('NONSENSE a\r\n', "-ERR unknown command 'NONSENSE', with args beginning with: 'a' \r\n")
      await ask('flushdb\r\n', "-ERR unknown command 'flushdb', with args beginning with: \r\n")
      await ask('GET\r\n', "-ERR wrong number of arguments for 'get' command\r\n")
      await ask(
        'AUTH x\r\nPING\r\n',
        `-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n+PONG\r\n`,
      )
      await ask('ECHO hello\r\n', '$5\r\nhello\r\n')
      socket.destroy()
    })

    test('bytes that are no command, or claim a size beyond all bounds, end the connection', async () => {
      for (const bytes of ['*1\r\n!x\r\n', '*99999999999\r\n', '*1\r\n$99999999999\r\n']) {
        const { ask, socket } = rawConnection(redis.port)
        const problem = bytes.includes('!')
          ? "expected '$', got '!'"
          : bytes.includes('$')
            ? 'invalid bulk length'
            : 'invalid multibulk length'
        await ask(bytes, `-ERR Protocol error: ${problem}\r\n`)
        if (!socket.destroyed)
          await withDeadline(new Promise((resolve) => socket.once('close', resolve)), 'not closed')
      }
    })

    test('QUIT is answered before the connection ends', async () => {
      const { ask, socket } = rawConnection(redis.port)
      await ask('QUIT\r\n', '+OK\r\n')
      if (!socket.destroyed)
        await withDeadline(new Promise((resolve) => socket.once('close', resolve)), 'not closed')
    })

    test('an independent client works with it', async () => {
      const client = createClient({
        RESP: 2,
        name: 'tester',
        socket: { host: '127.0.0.1', port: redis.port },
      })
      await client.connect()
      try {
        assert.equal(await client.ping(), 'PONG')
        assert.equal(await client.clientGetName(), 'tester')
        assert.ok((await client.clientId()) > 0)
        assert.ok((await client.commandCount()) >= 12)
        const [get] = await client.commandInfo(['get'])
        assert.equal(get?.arity, 2)
        const names = Array.from({ length: 250 }, (_, index) => `scan:${index}`)
        await Promise.all(names.map((key) => client.set(key, 'x')))
        const found = new Set<string>()
        for await (const keys of client.scanIterator({ MATCH: 'scan:*', COUNT: 20 }))
          for (const key of keys) found.add(key)
        assert.deepEqual([...found].sort(), names.toSorted())
        assert.deepEqual(
          (await client.keys('scan:1?[0-2]')).sort(),
          names.filter((key) => /1\d[0-2]$/.test(key)).sort(),
        )
        const big = 'x'.repeat(500_000)
        await client.set('big', big)
        const read = await Promise.all(Array.from({ length: 10 }, () => client.get('big')))
        assert.ok(read.every((value) => value === big))
      } finally {
        client.destroy()
      }
    })

    test('with a password others get NOAUTH, also before HELLO, until AUTH with the right one', async () => {
      const locked = await startProgram('redis/main.ts', {
        PATH,
        REDIS_PASSWORD: 'sesame',
        ALLOW_EMPTY_PASSWORD: 'yes',
      })
      const { ask, socket } = rawConnection(locked.port)
      await ask('GET x\r\n', '-NOAUTH Authentication required.\r\n')
      await ask('AUTH wrong\r\n', '-WRONGPASS invalid username-password pair or user is disabled.\r\n')
      await ask('AUTH sesame\r\nPING\r\n', '+OK\r\n+PONG\r\n')
      socket.destroy()
      const client = createClient({
        RESP: 2,
        password: 'sesame',
        socket: { host: '127.0.0.1', port: locked.port },
      })
      await client.connect()
      assert.equal(await client.flushAll(), 'OK')
      client.destroy()
      assert.equal(await locked.stop(), 0)
    })

    test('all is gone after a restart', async () => {
      for (let round = 0; round < 2; round += 1) {
        const store = await startProgram('redis/main.ts', { PATH, ALLOW_EMPTY_PASSWORD: 'yes' })
        const { ask, socket } = rawConnection(store.port)
        await ask('DBSIZE\r\nSET a 1\r\n', ':0\r\n+OK\r\n')
        socket.destroy()
        assert.equal(await store.stop(), 0)
      }
    })
  })
}

test('without a password and without leave to go without one, it says why and exits with 1', async () => {
  for (const env of [{}, { ALLOW_EMPTY_PASSWORD: 'no' }, { REDIS_PASSWORD: '' }]) {
    const { status, output } = await runProgram('redis/main.ts', env)
    assert.equal(status, 1)
    assert.match(output, /REDIS_PASSWORD/)
  }
})
