import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MODEL_TYPES, type ModelObject, type ModelType } from '../../model/index.ts'
import { GATEWAY, testNode, testRoute, testService, testWorkload } from '../testing.ts'
import { gatewayRoutes, parseSubscription } from '../types/index.ts'
import { encodeResource } from './encoder.ts'
import { createStreamState, type StreamPush, type StreamRequest } from './stream-state.ts'
import { isVisible } from './visibility.ts'

/** A stream without a transport: what it would write is asked for by hand. */
function testStream(responseBytesMax = 1e6) {
  const objects = new Map<string, ModelObject>()
  let time = 0
  const state = createStreamState({
    peer: { node: testNode('p', { role: 'router' }), identity: undefined },
    get: (type, key) => objects.get(`${type} ${key}`),
    list: (type) => [...objects.values()].filter((object) => object.type === type),
    encode: encodeResource,
    revision: () => 1,
    responseBytesMax,
    controlPlane: '{}',
    monotonic: () => time,
  })
  const request = (type: ModelType, parts: Partial<StreamRequest> = {}) =>
    state.request({
      type,
      subscribe: [],
      unsubscribe: [],
      initialVersions: {},
      nonce: '',
      error: undefined,
      ...parts,
    })
  const put = (object: ModelObject) => {
    objects.set(`${object.type} ${object.key}`, object)
    return state.touch(object.type, object.key, object)
  }
  const drop = (object: ModelObject) => {
    objects.delete(`${object.type} ${object.key}`)
    return state.touch(object.type, object.key, undefined)
  }
  const ack = (push: StreamPush | undefined) =>
    request(push?.response.type ?? 'mesh', { nonce: push?.response.nonce ?? '' })
  /** Pumps and acknowledges until nothing is left. */
  const settle = () => {
    for (let pushes = state.pump(); pushes.length > 0; pushes = state.pump())
      for (const push of pushes) ack(push)
  }
  const subscribeAll = () => {
    request('workload', { subscribe: ['*'] })
    request('service', { subscribe: ['*'] })
    request('route', { subscribe: [gatewayRoutes(GATEWAY), 'mesh/*'] })
    settle()
  }
  return { state, request, put, drop, ack, settle, subscribeAll, tick: (ms: number) => (time += ms) }
}

const shape = (pushes: readonly StreamPush[]) =>
  pushes.map(({ response }) => [response.type, response.resources.length, response.removed.length])

describe('a stream', () => {
  test('has one unacknowledged response of a type at most; changes meanwhile become one', () => {
    const stream = testStream()
    stream.subscribeAll()
    stream.put(testRoute('a', { path: '/1' }))
    const [first] = stream.state.pump()
    stream.put(testRoute('a', { path: '/2' }))
    stream.put(testRoute('a', { path: '/3' }))
    assert.deepEqual(stream.state.pump(), [])
    stream.ack(first)
    const [second] = stream.state.pump()
    assert.deepEqual(second?.response.resources, [encodeResource(testRoute('a', { path: '/3' })).frame])
    stream.ack(second)
    assert.deepEqual(stream.state.pump(), [])
  })

  test('sends nothing for a change that is taken back before it could be sent', () => {
    const stream = testStream()
    stream.put(testRoute('a', { path: '/1' }))
    stream.subscribeAll()
    stream.put(testRoute('b'))
    const [push] = stream.state.pump()
    stream.put(testRoute('a', { path: '/2' }))
    stream.put(testRoute('a', { path: '/1' }))
    stream.ack(push)
    assert.deepEqual(stream.state.pump(), [])
  })

  test('sends a service before the route to it, and takes the old one away after both', () => {
    const stream = testStream()
    stream.put(testService('old'))
    stream.put(testRoute('r', { path: '/old' }))
    stream.subscribeAll()
    stream.put(testRoute('r', { path: '/new' }))
    stream.drop(testService('old'))
    stream.put(testService('new'))
    const first = stream.state.pump()
    assert.deepEqual(shape(first), [
      ['service', 1, 0],
      ['route', 1, 0],
    ])
    stream.ack(first[0])
    assert.deepEqual(shape(stream.state.pump()), [['service', 0, 1]])
  })

  test('holds a route back while an earlier type waits for its acknowledgement', () => {
    const stream = testStream()
    stream.subscribeAll()
    stream.put(testWorkload('w'))
    const [first] = stream.state.pump()
    stream.put(testWorkload('x'))
    stream.put(testRoute('r'))
    assert.deepEqual(stream.state.pump(), [])
    stream.ack(first)
    assert.deepEqual(shape(stream.state.pump()), [
      ['workload', 1, 0],
      ['route', 1, 0],
    ])
  })

  test('is not starved by a type that keeps changing', () => {
    const stream = testStream()
    stream.subscribeAll()
    stream.put(testRoute('r'))
    for (let i = 0; i < 3; i++) {
      stream.put(testWorkload('w', `10.42.0.${i + 1}`))
      const pushes = stream.state.pump()
      if (pushes.some((push) => push.response.type === 'route')) return
      for (const push of pushes) stream.ack(push)
    }
    assert.fail('the route was never sent')
  })

  test('takes an answer with an old nonce for nothing', () => {
    const stream = testStream()
    stream.subscribeAll()
    stream.put(testRoute('a'))
    stream.state.pump()
    assert.equal(stream.request('route', { nonce: '999' }).kind, 'stale')
    stream.put(testRoute('b'))
    assert.deepEqual(stream.state.pump(), [])
  })

  test('forgets a rejection when the resource changes for the better or goes', () => {
    const stream = testStream()
    stream.subscribeAll()
    const refuse = (path: string) => {
      stream.put(testRoute('a', { path }))
      const [push] = stream.state.pump()
      const error = { message: 'bad', resources: [{ key: testRoute('a').key, reason: 'bad' }] }
      return stream.request('route', { nonce: push?.response.nonce ?? '', error })
    }
    const rejections = () => stream.state.status().route?.rejections.length
    refuse('/1')
    assert.equal(rejections(), 1)
    stream.put(testRoute('a', { path: '/good' }))
    stream.settle()
    assert.equal(rejections(), 0)
    refuse('/2')
    stream.drop(testRoute('a'))
    stream.settle()
    assert.equal(rejections(), 0)
  })

  test('is not concerned by what it neither has nor may see', () => {
    const stream = testStream()
    stream.subscribeAll()
    assert.equal(stream.put(testService('hidden', ['other'])), false)
    assert.equal(stream.put(testRoute('m', { clientNamespaces: ['other'] })), false)
    assert.equal(stream.put(testService('open')), true)
  })

  test('takes away what its namespace may no longer see', () => {
    const stream = testStream()
    stream.put(testService('s'))
    stream.subscribeAll()
    stream.put(testService('s', ['other']))
    assert.deepEqual(shape(stream.state.pump()), [['service', 0, 1]])
  })

  test('tells how long a change waited', () => {
    const stream = testStream()
    stream.subscribeAll()
    stream.put(testRoute('a'))
    stream.tick(7)
    const [push] = stream.state.pump()
    assert.equal(push?.waitedMs, 7)
    stream.tick(5)
    assert.deepEqual(stream.ack(push), { kind: 'answered', sinceChangeMs: 12, rejections: [] })
  })
})

test('a gateway’s subscription covers its own routes, not those of a gateway whose name begins alike', () => {
  const peer = { node: testNode('p', { role: 'router' }), identity: undefined }
  const covers = (gateway: string) =>
    isVisible(testRoute('r'), peer, parseSubscription('route', gatewayRoutes(gateway)))
  assert.equal(covers('Gateway/demo/web'), true)
  assert.equal(covers('Gateway/demo/we'), false)
  assert.equal(covers('IstioGateway/demo/web'), false)
})

test('there is a wire name for each type of the model', async () => {
  const { typeOfUrl, typeUrlOf } = await import('../types/index.ts')
  for (const type of MODEL_TYPES) assert.equal(typeOfUrl(typeUrlOf(type)), type)
  assert.equal(typeOfUrl('type.googleapis.com/envoy.config.cluster.v3.Cluster'), undefined)
})
