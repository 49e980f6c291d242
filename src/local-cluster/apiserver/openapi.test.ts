import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtInResources } from './built-in-resources.ts'
import { createOpenApi } from './openapi.ts'
import type { ApiRequest, ApiResponse } from './request.ts'
import { createResources } from './resources.ts'

const openApi = createOpenApi(createResources(builtInResources()))

function get(path: string, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const request: ApiRequest = {
    method: 'GET',
    path,
    query: new URLSearchParams(),
    header: (name) => headers[name],
    body: () => Promise.resolve({ kind: 'value', value: undefined }),
    user: { name: 'tester', groups: [] },
    signal: new AbortController().signal,
  }
  return openApi.respond(path, request)
}

function headersOf(response: ApiResponse): Readonly<Record<string, string>> {
  return 'headers' in response ? (response.headers ?? {}) : {}
}

test('version 2 is JSON, and protobuf for who asks as kubectl does', () => {
  const json = get('/openapi/v2')
  assert.ok(json.kind === 'text' && json.contentType === 'application/json')
  assert.equal((JSON.parse(json.text) as { swagger: string }).swagger, '2.0')
  const asked = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
  const protobuf = get('/openapi/v2', { accept: asked })
  assert.ok(protobuf.kind === 'bytes')
  // An @ in the media type of an answer is one that Go does not read.
  assert.equal(protobuf.contentType, asked.replace('@', '.'))
  assert.throws(() => get('/openapi/v2', { accept: 'text/html' }), { name: 'StatusError' })
})

for (const path of ['/openapi/v2', '/openapi/v3/api/v1']) {
  test(`${path} that the client has is not sent again`, () => {
    const { etag = '' } = headersOf(get(path))
    assert.match(etag, /^"[0-9A-F]{64}"$/)
    for (const known of [etag, `"other", W/${etag}`]) {
      const again = get(path, { 'if-none-match': known })
      assert.ok(again.kind === 'text' && again.status === 304 && again.text === '')
    }
    const other = get(path, { 'if-none-match': '"other"' })
    assert.ok(other.kind === 'text' && other.status === 200)
  })
}
