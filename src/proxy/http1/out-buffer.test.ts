import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import { connect as connectTls, TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { createTestAuthority } from '../tls/testing/authority.ts'
import {
  commit,
  createOutBuffer,
  discardMessage,
  endSocket,
  flushCommitted,
  type OutBuffer,
  putSlice,
  putText,
  writeFor,
} from './out-buffer.ts'

describe('messages that are committed', () => {
  it('are written at the end of the turn, each to its own socket, in their order', async () => {
    const turns: (() => void)[] = []
    const out = createOutBuffer((flush) => turns.push(flush))
    const [one, two] = [await pair(), await pair()]
    say(out, one.ours, 'a1 ')
    say(out, two.ours, 'b1 ')
    say(out, one.ours, 'a2 ')
    assert.equal(one.ours.bytesWritten, 0)
    assert.equal(turns.length, 1, 'one call for all of them')
    turns[0]?.()
    endSocket(out, one.ours)
    endSocket(out, two.ours)
    assert.deepEqual(await Promise.all([text(one.theirs), text(two.theirs)]), ['a1 a2 ', 'b1 '])
  })

  it('are written before their socket ends', async () => {
    const out = createOutBuffer(() => {})
    const { ours, theirs } = await pair()
    say(out, ours, 'the last word')
    endSocket(out, ours)
    assert.equal(await text(theirs), 'the last word')
  })

  it('are left out when their socket is gone, and the others written', async () => {
    const out = createOutBuffer(() => {})
    const [one, two] = [await pair(), await pair()]
    say(out, one.ours, 'lost')
    say(out, two.ours, 'kept')
    one.ours.destroy()
    endSocket(out, two.ours)
    assert.equal(await text(two.theirs), 'kept')
  })

  it('stay when the message behind them is thrown away, and that one stays when they are written', async () => {
    const out = createOutBuffer(() => {})
    const { ours, theirs } = await pair()
    say(out, ours, 'one ')
    writeFor(out, ours)
    putText(out, 'thrown away')
    discardMessage(out, ours)
    putText(out, 'two ')
    flushCommitted(out)
    putText(out, 'and its end')
    commit(out, ours)
    endSocket(out, ours)
    assert.equal(await text(theirs), 'one two and its end')
  })

  it('are only for whom they were put together, whoever begins, commits or throws away in between', async () => {
    const peers = await Promise.all([pair(), pair(), pair()])
    const step = fc.record({
      who: fc.nat(peers.length - 1),
      what: fc.constantFrom('put', 'put', 'put', 'commit', 'flush', 'discardOfAnother'),
      bytes: fc.nat(30_000),
    })
    const said = peers.map(() => '')
    const out = createOutBuffer(() => {})
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        for (const { who, what, bytes } of steps) {
          const { ours } = peers[who] as (typeof peers)[number]
          if (what === 'put') {
            const words = `${who}`.repeat(bytes)
            writeFor(out, ours)
            putText(out, words)
            said[who] += words
          } else if (what === 'commit') commit(out, ours)
          else if (what === 'flush') flushCommitted(out)
          else if (out.writer !== ours) discardMessage(out, ours)
        }
      }),
      { numRuns: 40 },
    )
    const heard = Promise.all(peers.map(({ theirs }) => text(theirs)))
    for (const { ours } of peers) endSocket(out, ours)
    assert.deepEqual(await heard, said)
  })

  it('do not wait when they are many bytes, and arrive whole when the kernel cannot take them at once', async () => {
    const out = createOutBuffer(() => {})
    const { ours, theirs } = await pair()
    const sent: Buffer[] = []
    for (let round = 0; round < 200; round++) {
      const message = Buffer.alloc(64 * 1024, 97 + (round % 26))
      sent.push(message)
      writeFor(out, ours)
      putSlice(out, message, 0, message.length)
      commit(out, ours)
    }
    assert.equal(out.sockets.length, 0)
    assert.equal(commit(out, ours), false, 'and says that the peer is slow')
    endSocket(out, ours)
    assert.equal(await text(theirs), Buffer.concat(sent).toString('latin1'))
  })

  it('are read by TLS before their memory is used again, however slow the peer is', async () => {
    const out = createOutBuffer(() => {})
    const { ours, theirs } = await securePair()
    const sent: Buffer[] = []
    theirs.pause()
    for (let round = 0; round < 300; round++) {
      const message = Buffer.alloc(1 + ((round * 7919) % 40_000), 97 + (round % 26))
      sent.push(message)
      writeFor(out, ours)
      putSlice(out, message, 0, message.length)
      commit(out, ours)
      flushCommitted(out)
      out.bytes.fill(0)
      if (round === 150) theirs.resume()
    }
    endSocket(out, ours)
    assert.equal(await text(theirs), Buffer.concat(sent).toString('latin1'))
    ours.destroy()
    theirs.destroy()
  })
})

/** The same over TLS. */
async function securePair(): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const raw = await pair()
  const authority = createTestAuthority('out buffer')
  const { chain, privateKey } = authority.issue(['peer.example'])
  authority.close()
  const theirs = new TLSSocket(raw.theirs, { isServer: true, key: privateKey, cert: chain })
  const ours = connectTls({ socket: raw.ours, rejectUnauthorized: false })
  await once(ours, 'secureConnect')
  return { ours, theirs }
}

function say(out: OutBuffer, socket: Socket, words: string): void {
  writeFor(out, socket)
  putText(out, words)
  commit(out, socket)
}

/** Both ends of a connection over loopback. */
async function pair(): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const ours = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [[theirs]] = (await Promise.all([once(server, 'connection'), once(ours, 'connect')])) as [
    [Socket],
    unknown,
  ]
  server.close()
  theirs.once('end', () => theirs.end())
  return { ours, theirs }
}
