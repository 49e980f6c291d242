import { type Fields, h2Forwarded, h2Refused, type Http2Case } from '../cases.ts'

const POST: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/p'],
  [':authority', 'a.example'],
]
const INNER = 'GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n'

function length(...values: readonly string[]): Fields {
  return [...POST, ...values.map((value) => ['content-length', value] as const)]
}

const OK = 'POST /p a.example 5'

/** Bodies of HTTP/2 requests: announced lengths, and what HTTP/1.1 would take for framing. */
export const HTTP2_BODY_CASES: readonly Http2Case[] = [
  h2Forwarded('h2-length', 'no length', POST, OK, ['hello']),
  h2Forwarded('h2-length', 'no length, several frames', POST, OK, ['he', 'll', 'o']),
  h2Forwarded('h2-length', 'an empty body', POST, 'POST /p a.example 0', ['']),
  h2Forwarded('h2-length', 'a length', length('5'), OK, ['hello']),
  h2Forwarded('h2-length', 'a length over two frames', length('5'), OK, ['he', 'llo']),
  h2Forwarded('h2-length', 'a length and an empty frame', length('5'), OK, ['hello', '']),
  h2Forwarded('h2-length', 'length 0', length('0'), 'POST /p a.example 0'),
  h2Forwarded('h2-length', 'length 0 and an empty frame', length('0'), 'POST /p a.example 0', ['']),
  h2Forwarded('h2-length', 'a body that is a request', POST, `POST /p a.example ${INNER.length}`, [INNER]),
  h2Forwarded('h2-length', 'a body that ends chunks', POST, `POST /p a.example ${INNER.length + 5}`, [
    `0\r\n\r\n${INNER}`,
  ]),
  h2Forwarded(
    'h2-length',
    'a body that ends chunks, with its length',
    length(String(INNER.length + 5)),
    `POST /p a.example ${INNER.length + 5}`,
    [`0\r\n\r\n${INNER}`],
  ),
  h2Refused('h2-length', 'length 0 and a request after it', length('0'), [INNER]),
  h2Refused('h2-length', 'longer than announced', length('4'), ['hello']),
  h2Refused('h2-length', 'longer in a second frame', length('5'), ['hello', INNER]),
  h2Refused('h2-length', 'shorter than announced', length('6'), ['hello']),
  h2Refused('h2-length', 'shorter in two frames', length('6'), ['he', 'llo']),
  h2Refused('h2-length', 'a length and no body', length('5')),
  h2Refused('h2-length', 'a length and an empty frame alone', length('5'), ['']),
  h2Refused('h2-length', 'two lengths', length('5', '6'), ['hello']),
  h2Refused('h2-length', 'a list', length('5, 6'), ['hello']),
  h2Refused('h2-length', 'a list of equal ones', length('5, 5'), ['hello']),
  h2Refused('h2-length', 'a plus sign', length('+5'), ['hello']),
  h2Refused('h2-length', 'negative', length('-5'), ['hello']),
  h2Refused('h2-length', 'hexadecimal', length('0x5'), ['hello']),
  h2Refused('h2-length', 'empty', length(''), ['hello']),
  h2Refused('h2-length', 'a word', length('five'), ['hello']),
  h2Refused('h2-length', '2^64 + 5', length('18446744073709551621'), ['hello']),
  h2Refused('h2-length', 'a blank within', length('1 0'), ['helloworld']),
  h2Refused('h2-length', 'CR LF after', length('5\r\nx: y'), ['hello']),
  h2Refused(
    'h2-coding',
    'chunked beside a length',
    [...length('5'), ['transfer-encoding', 'chunked']],
    ['hello'],
  ),
  h2Refused(
    'h2-coding',
    'chunked with a body that ends chunks',
    [...POST, ['transfer-encoding', 'chunked']],
    [`0\r\n\r\n${INNER}`],
  ),
  h2Forwarded('h2-trailers', 'a trailer', POST, `${OK} +x-sum`, ['hello'], [['x-sum', '1']]),
  h2Forwarded('h2-trailers', 'a length and a trailer', length('5'), OK, ['hello'], [['x-sum', '1']]),
  h2Refused('h2-trailers', 'a pseudo-header field', POST, ['hello'], [[':path', '/smuggled']]),
  h2Refused(
    'h2-trailers',
    'CR LF in a value',
    POST,
    ['hello'],
    [['x-sum', '1\r\n\r\nGET /smuggled HTTP/1.1']],
  ),
  h2Refused('h2-trailers', 'LF in a value', POST, ['hello'], [['x-sum', '1\n2']]),
  h2Refused('h2-trailers', 'NUL in a value', POST, ['hello'], [['x-sum', '1\x00']]),
  h2Refused('h2-trailers', 'a colon in a name', POST, ['hello'], [['x:', '1']]),
  h2Refused('h2-trailers', 'NUL in a name', POST, ['hello'], [['x\x00', '1']]),
  h2Refused('h2-trailers', 'CR LF in a name', POST, ['hello'], [['x\r\ny', '1']]),
  h2Refused('h2-trailers', 'a capital in a name', POST, ['hello'], [['X-Sum', '1']]),
  h2Refused('h2-trailers', 'transfer-encoding', POST, ['hello'], [['transfer-encoding', 'chunked']]),
  h2Refused('h2-trailers', 'connection', POST, ['hello'], [['connection', 'close']]),
  h2Forwarded(
    'trailer-forbidden',
    'content-length is left out',
    POST,
    OK,
    ['hello'],
    [['content-length', '44']],
  ),
  h2Forwarded('trailer-forbidden', 'host is left out', POST, OK, ['hello'], [['host', 'b.example']]),
  h2Forwarded(
    'trailer-forbidden',
    'authorization is left out',
    POST,
    OK,
    ['hello'],
    [['authorization', 'Basic eA==']],
  ),
  h2Forwarded('trailer-forbidden', 'expect is left out', POST, OK, ['hello'], [['expect', '100-continue']]),
  h2Forwarded(
    'trailer-forbidden',
    'x-forwarded-for is left out',
    POST,
    OK,
    ['hello'],
    [['x-forwarded-for', '1.2.3.4']],
  ),
  h2Forwarded(
    'expect',
    '100-continue with a body at once',
    [...length('5'), ['expect', '100-continue']],
    OK,
    ['hello'],
  ),
  h2Refused('expect', 'another expectation', [...length('5'), ['expect', 'x']], ['hello']),
]
