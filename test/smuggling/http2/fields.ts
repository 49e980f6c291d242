import { type Fields, h2Forwarded, h2Refused, type Http2Case } from '../cases.ts'

const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/g'],
  [':authority', 'a.example'],
]

/** A GET with these fields after the usual ones. */
function more(...fields: Fields): Fields {
  return [...GET, ...fields]
}

/** A GET with one pseudo-header field changed. */
function pseudo(name: string, value: string): Fields {
  return GET.map(([one, old]) => [one, one === name ? value : old] as const)
}

function without(name: string): Fields {
  return GET.filter(([one]) => one !== name)
}

const OK = 'GET /g a.example 0'
const SPLIT = 'y\r\nContent-Length: 44'
const path = (value: string): Fields => pseudo(':path', value)
const host = (value: string): Fields => pseudo(':authority', value)
const method = (value: string): Fields => pseudo(':method', value)

/** Heads of HTTP/2 requests that HTTP/1.1 could be made to read as something else. */
export const HTTP2_FIELD_CASES: readonly Http2Case[] = [
  h2Forwarded('h2-request', 'plain', GET, OK),
  h2Forwarded('h2-fields', 'a field', more(['x', 'y']), OK),
  h2Forwarded('h2-fields', 'an empty value', more(['x', '']), OK),
  h2Forwarded('h2-fields', 'bytes above 127', more(['x', '\xc3\xa9']), OK),
  h2Forwarded('h2-fields', 'cookies in pieces', more(['cookie', 'a=b'], ['cookie', 'c=d']), OK),
  h2Forwarded('h2-fields', 'a name of all kinds of token bytes', more(["!#$%&'*+-.^_`|~a9", 'y']), OK),
  h2Refused('h2-fields', 'CR LF in a value', more(['x', SPLIT])),
  h2Refused(
    'h2-fields',
    'CR LF and a request in a value',
    more(['x', 'y\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b.example\r\n\r\n']),
  ),
  h2Refused('h2-fields', 'LF in a value', more(['x', 'y\nz: 1'])),
  h2Refused('h2-fields', 'CR in a value', more(['x', 'y\rz: 1'])),
  h2Refused('h2-fields', 'NUL in a value', more(['x', 'y\x00z'])),
  h2Refused('h2-fields', 'LF at the end of a value', more(['x', 'y\n'])),
  h2Refused('h2-fields', 'CR LF at the start of a value', more(['x', '\r\ny'])),
  h2Refused('h2-fields', 'a blank at the start of a value', more(['x', ' y'])),
  h2Refused('h2-fields', 'a blank at the end of a value', more(['x', 'y '])),
  h2Refused('h2-fields', 'a tab at the start of a value', more(['x', '\ty'])),
  h2Refused('h2-fields', 'CR LF in a name', more(['x: y\r\ncontent-length', '44'])),
  h2Refused('h2-fields', 'LF in a name', more(['x\n', 'y'])),
  h2Refused('h2-fields', 'CR in a name', more(['x\r', 'y'])),
  h2Refused('h2-fields', 'NUL in a name', more(['x\x00', 'y'])),
  h2Refused('h2-fields', 'a colon in a name', more(['x:', 'y'])),
  h2Refused('h2-fields', 'a colon and a length in a name', more(['content-length: 44', 'y'])),
  h2Refused('h2-fields', 'transfer-encoding: chunked in a name', more(['transfer-encoding: chunked', 'y'])),
  h2Refused('h2-fields', 'a blank in a name', more(['x y', 'z'])),
  h2Refused('h2-fields', 'a blank at the end of a name', more(['transfer-encoding ', 'chunked'])),
  h2Refused('h2-fields', 'a blank at the start of a name', more([' transfer-encoding', 'chunked'])),
  h2Refused('h2-fields', 'a tab in a name', more(['x\ty', 'z'])),
  h2Refused('h2-fields', 'a capital in a name', more(['X', 'y'])),
  h2Refused('h2-fields', 'Content-Length in capitals', more(['Content-Length', '44'])),
  h2Refused('h2-fields', 'an empty name', more(['', 'y'])),
  h2Refused('h2-fields', 'a byte above 127 in a name', more(['x\xe9', 'y'])),
  h2Refused('h2-fields', 'DEL in a name', more(['x\x7f', 'y'])),
  h2Refused('h2-fields', 'a slash in a name', more(['x/y', 'z'])),
  h2Refused('h2-fields', 'a control character in a value', more(['x', 'y\x01z'])),
  h2Refused('h2-fields', 'DEL in a value', more(['x', 'y\x7f'])),
  h2Refused('h2-fields', 'vertical tab in a value', more(['x', 'y\x0bz'])),
  h2Refused('h2-coding', 'transfer-encoding: chunked', more(['transfer-encoding', 'chunked'])),
  h2Refused('h2-coding', 'transfer-encoding: identity', more(['transfer-encoding', 'identity'])),
  h2Refused('h2-coding', 'transfer-encoding, empty', more(['transfer-encoding', ''])),
  h2Forwarded('h2-coding', 'transfer_encoding is another field', more(['transfer_encoding', 'chunked']), OK),
  h2Refused('h2-connection', 'connection: close', more(['connection', 'close'])),
  h2Refused('h2-connection', 'connection: content-length', more(['connection', 'content-length'])),
  h2Refused('h2-connection', 'keep-alive', more(['keep-alive', 'timeout=5'])),
  h2Refused('h2-connection', 'proxy-connection', more(['proxy-connection', 'close'])),
  h2Refused('h2-connection', 'upgrade', more(['upgrade', 'websocket'])),
  h2Refused('h2-connection', 'upgrade to h2c', more(['upgrade', 'h2c'])),
  h2Refused('h2-connection', 'te: chunked', more(['te', 'chunked'])),
  h2Refused('h2-connection', 'te: trailers, chunked', more(['te', 'trailers, chunked'])),
  h2Forwarded('h2-connection', 'te: trailers', more(['te', 'trailers']), OK),
  h2Refused('h2-pseudo', 'two paths', more([':path', '/smuggled'])),
  h2Refused('h2-pseudo', 'two methods', more([':method', 'POST'])),
  h2Refused('h2-pseudo', 'two authorities', more([':authority', 'b.example'])),
  h2Refused('h2-pseudo', 'two schemes', more([':scheme', 'https'])),
  h2Refused('h2-pseudo', 'one after a field', [...without(':path'), ['x', 'y'], [':path', '/g']]),
  h2Refused('h2-pseudo', 'an unknown one', [[':x', 'y'], ...GET]),
  h2Refused('h2-pseudo', 'one of a response', [[':status', '200'], ...GET]),
  h2Refused('h2-pseudo', 'a colon alone', [[':', 'y'], ...GET]),
  h2Refused('h2-pseudo', 'a path in capitals', [...without(':path'), [':Path', '/g']]),
  h2Refused('h2-request', 'no method', without(':method')),
  h2Refused('h2-request', 'no path', without(':path')),
  h2Refused('h2-request', 'no scheme', without(':scheme')),
  h2Refused('h2-request', 'neither authority nor host', without(':authority')),
  h2Forwarded(
    'h2-request',
    'a host for the authority',
    [...without(':authority'), ['host', 'a.example']],
    OK,
  ),
  h2Forwarded('h2-request', 'a host that agrees', more(['host', 'a.example']), OK),
  h2Refused('h2-request', 'a host that disagrees', more(['host', 'b.example'])),
  h2Refused('h2-request', 'a host with another port', more(['host', 'a.example:81'])),
  h2Refused('h2-request', 'two hosts', [
    ...without(':authority'),
    ['host', 'a.example'],
    ['host', 'b.example'],
  ]),
  h2Refused('h2-request', 'an empty host beside the authority', more(['host', ''])),
  h2Refused('h2-request', 'an empty authority', host('')),
  h2Refused('h2-request', 'user information', host('u@a.example')),
  h2Refused('h2-request', 'a path in the authority', host('a.example/g')),
  h2Refused('h2-request', 'a query in the authority', host('a.example?x')),
  h2Refused('h2-request', 'a blank in the authority', host('a.example b.example')),
  h2Refused('h2-request', 'a list in the authority', host('a.example, b.example')),
  h2Refused('h2-request', 'CR LF in the authority', host(`a.example\r\nx: ${SPLIT}`)),
  h2Refused('h2-request', 'LF in the authority', host('a.example\nx: y')),
  h2Refused('h2-request', 'NUL in the authority', host('a.example\x00')),
  h2Refused('h2-request', 'a backslash in the authority', host('a.example\\b.example')),
  h2Refused('h2-request', 'a port of letters', host('a.example:http')),
  h2Refused('h2-request', 'a byte above 127 in the authority', host('\xe4.example')),
  h2Forwarded('h2-request', 'a port', host('a.example:8080'), 'GET /g a.example:8080 0'),
  h2Forwarded('h2-request', 'an IPv6 address', host('[2001:db8::1]'), 'GET /g [2001:db8::1] 0'),
  h2Forwarded('h2-request', 'a query', path('/g?a=b'), 'GET /g?a=b a.example 0'),
  h2Forwarded('h2-request', 'two slashes', path('//b.example/g'), 'GET //b.example/g a.example 0'),
  h2Forwarded('h2-request', 'encoded CR LF stays encoded', path('/g%0d%0ax'), 'GET /g%0d%0ax a.example 0'),
  h2Forwarded('h2-request', 'dots', path('/a/../g'), OK),
  h2Refused('h2-request', 'an empty path', path('')),
  h2Refused('h2-request', 'a blank in the path', path('/g HTTP/1.1')),
  h2Refused(
    'h2-request',
    'a request line and fields in the path',
    path('/g HTTP/1.1\r\nHost: b.example\r\n\r\nGET /smuggled'),
  ),
  h2Refused('h2-request', 'a tab in the path', path('/g\tx')),
  h2Refused('h2-request', 'LF in the path', path('/g\nx')),
  h2Refused('h2-request', 'CR in the path', path('/g\rx')),
  h2Refused('h2-request', 'NUL in the path', path('/g\x00x')),
  h2Refused('h2-request', 'a fragment', path('/g#x')),
  h2Refused('h2-request', 'a byte above 127 in the path', path('/\xe9')),
  h2Refused('h2-request', 'no leading slash', path('g')),
  h2Refused('h2-request', 'an absolute URI', path('http://b.example/g')),
  h2Refused('h2-request', 'an asterisk in GET', path('*')),
  h2Refused('h2-request', 'a blank at the start of the path', path(' /g')),
  h2Refused('h2-request', 'above the root', path('/../g')),
  h2Forwarded(
    'h2-request',
    'an asterisk in OPTIONS',
    [
      [':method', 'OPTIONS'],
      [':scheme', 'http'],
      [':path', '*'],
      [':authority', 'a.example'],
    ],
    'OPTIONS * a.example 0',
  ),
  h2Forwarded('h2-request', 'another method', method('BREW'), 'BREW /g a.example 0'),
  h2Refused('h2-request', 'an empty method', method('')),
  h2Refused('h2-request', 'a blank in the method', method('GET /smuggled HTTP/1.1')),
  h2Refused(
    'h2-request',
    'a whole request in the method',
    method('GET /smuggled HTTP/1.1\r\nHost: b.example\r\n\r\nGET'),
  ),
  h2Refused('h2-request', 'a blank at the end of the method', method('GET ')),
  h2Refused('h2-request', 'LF in the method', method('GET\n')),
  h2Refused('h2-request', 'a slash in the method', method('GET/')),
  h2Refused('h2-request', 'a colon in the method', method('x: y')),
  h2Refused('h2-request', 'another scheme', pseudo(':scheme', 'ftp')),
  h2Refused('h2-request', 'a URI in the scheme', pseudo(':scheme', 'http://b.example/x?')),
  h2Refused('h2-request', 'CR LF in the scheme', pseudo(':scheme', 'http\r\nx: y')),
  h2Refused('h2-request', 'an empty scheme', pseudo(':scheme', '')),
  h2Refused('h2-connect', 'CONNECT', [
    [':method', 'CONNECT'],
    [':authority', 'a.example:443'],
  ]),
  h2Refused('h2-connect', 'CONNECT with a path', method('CONNECT')),
  h2Refused('h2-connect', 'a protocol without its being offered', [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':path', '/g'],
    [':authority', 'a.example'],
  ]),
  h2Refused('h2-connect', 'a protocol in GET', [[':protocol', 'websocket'], ...GET]),
]
