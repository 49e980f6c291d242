import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameOf, headersOf, PREFACE, settingsOf, TYPE } from '../test/simulation/http2-frames.ts'
import { createProxyStage, HTTP_PORT } from './proxy-stage.ts'
import { PLAYS } from './targets/connections.ts'

for (const [name, { play, target }] of Object.entries(PLAYS)) {
  test(`${name} reads the same wherever it is cut in two`, async () => {
    for (const seed of target.seeds) {
      const bytes = Buffer.from(seed)
      const whole = await play([bytes])
      for (let at = 1; at < bytes.length; at++) {
        const cut = await play([bytes.subarray(0, at), bytes.subarray(at)])
        assert.deepEqual(cut, whole, `${JSON.stringify(bytes.toString('latin1'))} cut at ${at}`)
      }
    }
  })
}

/** A client of HTTP/2 and a server of HTTP/1.1; what the server gets, when the pieces arrive one by one. */
async function heardByServer(pieces: readonly Buffer[]): Promise<string> {
  const stage = await createProxyStage('http', (wire, bytes) => {
    if (bytes.includes('/warm')) wire.stream.send('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  })
  const client = stage.connect(HTTP_PORT)
  await stage.settle()
  for (const piece of pieces) {
    client.stream.send(piece)
    await stage.settle(1)
  }
  const heard = Buffer.concat(stage.served.map((wire) => wire.received())).toString('latin1')
  await stage.close()
  return heard
}

test('a stream that is broken off does not take along the request that came before in the same read', async () => {
  const fields = (path: string, method: string): (readonly [string, string])[] => [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'a'],
    [':path', path],
  ]
  const heard = await heardByServer([
    Buffer.concat([PREFACE, settingsOf([])]),
    // Connections to the server are there already, so that requests go out at once.
    Buffer.concat([1, 3].map((stream) => headersOf(stream, fields('/warm', 'GET'), true))),
    headersOf(5, fields('/broken', 'POST'), false),
    Buffer.concat([
      headersOf(7, fields('/whole', 'GET'), true),
      frameOf(TYPE.reset, 0, 5, Buffer.from([0, 0, 0, 8])),
    ]),
  ])
  assert.match(heard, /GET \/whole HTTP\/1\.1\r\n/)
})
