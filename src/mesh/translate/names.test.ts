import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { coveringPatterns, hostCovers, intersectHosts, resolveShortHost } from './names.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

const label = fc.constantFrom('a', 'b', 'c', 'shop')
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const pattern = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
  fc.constant('*'),
)

describe('host patterns', () => {
  it('a wildcard covers names of one label and more before its suffix, not the suffix itself', () => {
    assert.equal(hostCovers('*.example.org', 'a.example.org'), true)
    assert.equal(hostCovers('*.example.org', 'b.a.example.org'), true)
    assert.equal(hostCovers('*.example.org', '*.a.example.org'), true)
    assert.equal(hostCovers('*.example.org', 'example.org'), false)
    assert.equal(hostCovers('*.example.org', 'badexample.org'), false)
    assert.equal(hostCovers('a.example.org', '*.example.org'), false)
  })

  it('have in common the narrower of two, whichever way they are asked', () => {
    assert.equal(intersectHosts('*.example.org', '*.a.example.org'), '*.a.example.org')
    assert.equal(intersectHosts('a.example.org', 'b.example.org'), undefined)
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const shared = intersectHosts(a, b)
        assert.equal(shared, intersectHosts(b, a))
        if (shared !== undefined) assert.ok(hostCovers(a, shared) && hostCovers(b, shared))
      }),
    )
  })

  it('that cover a host are listed with the most specific first', () => {
    assert.deepEqual(coveringPatterns('a.b.c'), ['a.b.c', '*.b.c', '*.c', '*'])
    fc.assert(
      fc.property(pattern, pattern, (name, other) => {
        assert.equal(coveringPatterns(name).includes(other), hostCovers(other, name))
      }),
    )
  })
})

describe('a host without a dot', () => {
  it('is a Service of the namespace of the object that names it', () => {
    assert.equal(resolveShortHost('Backend', 'demo', DEFAULT_SETTINGS), 'backend.demo.svc.cluster.local')
    assert.equal(resolveShortHost('backend.other', 'demo', DEFAULT_SETTINGS), 'backend.other')
    assert.equal(resolveShortHost('*', 'demo', DEFAULT_SETTINGS), '*')
  })
})

/** istio.io, reference/config/networking/virtual-service (hosts); istio/istio pkg/config/host/name_test.go, TestNameMatches. */
describe('hosts and short names', () => {
  const short: readonly (readonly [written: string, namespace: string, meant: string])[] = [
    ['reviews', 'default', 'reviews.default.svc.cluster.local'],
    ['reviews', 'shop', 'reviews.shop.svc.cluster.local'],
    ['Reviews', 'shop', 'reviews.shop.svc.cluster.local'],
    ['reviews.shop', 'default', 'reviews.shop'],
    ['reviews.shop.svc.cluster.local', 'default', 'reviews.shop.svc.cluster.local'],
    ['example.com', 'default', 'example.com'],
    ['*', 'default', '*'],
    ['*.com', 'default', '*.com'],
    ['*.Example.com', 'default', '*.example.com'],
  ]
  for (const [written, namespace, meant] of short) {
    it(`${written} in ${namespace} means ${meant}`, () => {
      assert.equal(resolveShortHost(written, namespace, DEFAULT_SETTINGS), meant)
    })
  }

  const meetings: readonly (readonly [a: string, b: string, shared: string | undefined])[] = [
    ['foo.com', 'foo.com', 'foo.com'],
    ['*.com', 'foo.com', 'foo.com'],
    ['*.com', '*.foo.com', '*.foo.com'],
    ['*.foo.com', 'bar.foo.com', 'bar.foo.com'],
    ['*.foo.com', 'baz.bar.foo.com', 'baz.bar.foo.com'],
    ['*', 'foo.com', 'foo.com'],
    ['*', '*.com', '*.com'],
    ['*', '*', '*'],
    ['foo.com', 'bar.com', undefined],
    ['*.foo.com', 'foo.com', undefined],
    ['*.foo.com', '*.bar.com', undefined],
    ['*.com', 'foo.net', undefined],
    ['foo.com', 'www.foo.com', undefined],
  ]
  for (const [a, b, shared] of meetings) {
    it(`${a} and ${b} share ${shared ?? 'nothing'}`, () => {
      assert.equal(intersectHosts(a, b), shared)
      assert.equal(intersectHosts(b, a), shared)
    })
  }
})
