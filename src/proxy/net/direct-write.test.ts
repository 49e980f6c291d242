import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { createDirectWriter, type DirectWriter } from './direct-write.ts'

describe('direct writes', () => {
  it('are taken by the kernel while the peer keeps up', async () => {
    const { writer, ours, theirs } = await warm()
    assert.equal(writer.write(ours, Buffer.from('two ')), 'taken')
    assert.equal(writer.write(ours, Buffer.from('three')), 'taken')
    ours.end()
    assert.equal(await text(theirs), 'one two three')
  })

  it('are queued once when the peer is slow, and what follows is refused until that is out', async () => {
    const { writer, ours, theirs } = await warm()
    const block = Buffer.alloc(8 * 1024 * 1024, 'x')
    assert.equal(writer.write(ours, block), 'queued')
    assert.equal(writer.write(ours, Buffer.from('y')), 'refused')
    // What the socket itself writes stands in the same line; it calls back when all before it is out.
    const written = new Promise<void>((resolve) => ours.write('y', () => resolve()))
    const all = text(theirs)
    await written
    assert.equal(writer.write(ours, Buffer.from('z')), 'taken')
    ours.end()
    assert.equal(await all, `one ${block.toString('latin1')}yz`)
  })

  it('are refused on a socket that is closed, as one that was reset', async () => {
    const { writer, ours } = await warm()
    ours.destroy()
    assert.equal(writer.write(ours, Buffer.from('x')), 'refused')
  })

  it('are refused where there is no handle of Node', () => {
    assert.equal(createDirectWriter().write({} as Socket, Buffer.from('x')), 'refused')
  })
})

/** A connection on which Node itself has written once. */
async function warm(): Promise<{ writer: DirectWriter; ours: Socket; theirs: Socket }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const ours = connect({ port, host: '127.0.0.1' })
  const [[theirs]] = (await Promise.all([once(server, 'connection'), once(ours, 'connect')])) as [
    [Socket],
    unknown,
  ]
  server.close()
  theirs.pause()
  const writer = createDirectWriter()
  const first = Buffer.from('one ')
  if (writer.write(ours, first) === 'refused') ours.write(first)
  return { writer, ours, theirs }
}
