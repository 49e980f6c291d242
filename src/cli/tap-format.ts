/** A line of the proxy's tap. */
export interface TappedExchange {
  readonly http_buffered_trace: {
    readonly request: TappedMessage
    readonly response: TappedMessage
  }
  readonly lateen: {
    readonly start_time: string
    readonly protocol: string
    readonly downstream: string
    readonly route: string
    readonly cluster: string
    readonly endpoint: string
    readonly attempts: number
    readonly status: number
    readonly grpc_status: string
    readonly flags: string
    readonly details: string
    readonly transport_failure: string
    readonly duration_ms: number
    readonly until_request_sent_ms: number
    readonly until_response_ms: number
    readonly request_bytes: number
    readonly response_bytes: number
  }
}

interface TappedMessage {
  readonly headers: readonly { readonly key: string; readonly value: string }[]
  readonly body?: { readonly as_string?: string; readonly truncated: boolean }
  readonly trailers: readonly { readonly key: string; readonly value: string }[]
}

/** What came, where it went and what came back, for people. */
export function formatTapped(exchange: TappedExchange): string {
  const { http_buffered_trace: trace, lateen } = exchange
  const field = (name: string) => trace.request.headers.find(({ key }) => key === name)?.value ?? ''
  const url = `${field(':scheme')}://${field(':authority')}${field(':path')}`
  const attempts = lateen.attempts === 1 ? '' : ` in ${lateen.attempts} attempts`
  const grpc = lateen.grpc_status === '' ? '' : `, gRPC status ${lateen.grpc_status}`
  const failure = lateen.transport_failure === '-' ? '' : ` (${lateen.transport_failure})`
  const lines = [
    `${lateen.start_time} ${field(':method')} ${url} ${lateen.protocol} from ${lateen.downstream}`,
    ...messageLines('>', trace.request),
    `  route ${lateen.route}, cluster ${lateen.cluster}, endpoint ${lateen.endpoint}${attempts}`,
    `  ${lateen.status}${grpc}, flags ${lateen.flags}, ${lateen.details}${failure}`,
    `  ${timesOf(lateen)}; ${lateen.request_bytes} bytes in, ${lateen.response_bytes} out`,
    ...messageLines('<', trace.response),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

function timesOf(lateen: TappedExchange['lateen']): string {
  const parts = [
    ...(lateen.until_request_sent_ms < 0 ? [] : [`sent after ${lateen.until_request_sent_ms}`]),
    ...(lateen.until_response_ms < 0 ? [] : [`answered after ${lateen.until_response_ms}`]),
    `over after ${lateen.duration_ms} ms`,
  ]
  return parts.join(', ')
}

function messageLines(mark: string, message: TappedMessage): readonly string[] {
  const fields = [...message.headers, ...message.trailers].filter(({ key }) => !key.startsWith(':'))
  const { body } = message
  return [
    ...fields.map(({ key, value }) => `  ${mark} ${key}: ${value}`),
    ...(body?.as_string === undefined ? [] : body.as_string.split('\n').map((line) => `  ${mark}   ${line}`)),
    ...(body?.truncated === true ? [`  ${mark}   …`] : []),
  ]
}

/** What a client sends must not move the cursor. */
function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is replaced
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}')
}

/** What the proxy is asked for. */
export interface TapWish {
  readonly path: string | undefined
  readonly method: string | undefined
  /** `name: value`, or a name alone. */
  readonly headers: readonly string[]
  /** `503` or `5xx`. */
  readonly status: string | undefined
  readonly bodyBytes: number
}

/** Envoy's TapRequest. */
export function tapRequest(wish: TapWish): unknown {
  const asked = [
    ...(wish.path === undefined ? [] : [{ name: ':path', string_match: { prefix: wish.path } }]),
    ...(wish.method === undefined
      ? []
      : [{ name: ':method', string_match: { exact: wish.method.toUpperCase() } }]),
    ...wish.headers.map(headerRule),
  ]
  const rules = [
    ...(asked.length === 0 ? [] : [{ http_request_headers_match: { headers: asked } }]),
    ...(wish.status === undefined
      ? []
      : [{ http_response_headers_match: { headers: [statusRule(wish.status)] } }]),
  ]
  return {
    config_id: 'lateen-tap',
    tap_config: {
      match: rules.length === 0 ? { any_match: true } : { and_match: { rules } },
      output_config: {
        max_buffered_rx_bytes: wish.bodyBytes,
        max_buffered_tx_bytes: wish.bodyBytes,
        sinks: [{ format: 'JSON_BODY_AS_STRING', streaming_admin: {} }],
      },
    },
  }
}

function headerRule(line: string) {
  const colon = line.indexOf(':', 1)
  if (colon < 0) return { name: line.trim().toLowerCase(), present_match: true }
  return {
    name: line.slice(0, colon).trim().toLowerCase(),
    string_match: { exact: line.slice(colon + 1).trim() },
  }
}

function statusRule(status: string) {
  const kind = /^([1-5])xx$/i.exec(status)?.[1]
  return {
    name: ':status',
    string_match: kind === undefined ? { exact: status } : { prefix: kind },
  }
}
