import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGateway } from '../testing-gateway.ts'
import { changesOf, exchangeBytes, ok, rawServer, respondWith, until, workloadObject } from '../testing.ts'

/** One message of gRPC. */
const MESSAGE = '\0\0\0\0\u0002hi'

test('a call of gRPC is counted with its messages and how it ended', async () => {
  const upstream = await rawServer(
    respondWith(
      () =>
        'HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `e\r\n${MESSAGE}${MESSAGE}\r\n0\r\ngrpc-status: 5\r\n\r\n`,
    ),
  )
  const gateway = await startGateway({
    upstreamPort: upstream.port,
    log: '%GRPC_STATUS% %GRPC_STATUS_NUMBER% %TRAILER(grpc-status)% %BYTES_RECEIVED%\n',
  })
  try {
    const head =
      'POST /s/m HTTP/1.1\r\nHost: s\r\nContent-Type: application/grpc+proto\r\nContent-Length: 7\r\n'
    await exchangeBytes(gateway.port, `${head}Connection: close\r\n\r\n${MESSAGE}`)
    assert.equal(await gateway.logged(), 'NotFound 5 5 7')
    const text = gateway.proxy.registry.text()
    const labels = 'request_protocol="grpc",response_code="200",grpc_response_status="5"'
    assert.match(text, new RegExp(`^istio_requests_total\\{.*${labels}.*\\} 1$`, 'm'))
    assert.match(text, new RegExp(`^istio_request_messages_total\\{.*${labels}.*\\} 1$`, 'm'))
    assert.match(text, new RegExp(`^istio_response_messages_total\\{.*${labels}.*\\} 2$`, 'm'))
  } finally {
    gateway.close()
    upstream.close()
  }
})

test('who the proxy stands for is told as soon as it is known', async () => {
  const upstream = await rawServer(respondWith(() => ok('hello')))
  const gateway = await startGateway({ upstreamPort: upstream.port, instance: { ip: '127.0.0.9' } as object })
  const { proxy } = gateway
  const ask = async (lines: number) => {
    await exchangeBytes(gateway.port, 'GET / HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n')
    await until(() => proxy.logLines.length === lines, 'it is logged')
  }
  try {
    await ask(1)
    assert.match(
      proxy.registry.text(),
      /^istio_requests_total\{reporter="source",source_workload="unknown",.*\} 1$/m,
    )
    assert.deepEqual(
      proxy.accept(changesOf([workloadObject('edge', { address: '127.0.0.9', services: {} })])),
      [],
    )
    await ask(2)
    assert.match(
      proxy.registry.text(),
      /^istio_requests_total\{reporter="source",source_workload="edge",.*\} 1$/m,
    )
  } finally {
    gateway.close()
    upstream.close()
  }
})
