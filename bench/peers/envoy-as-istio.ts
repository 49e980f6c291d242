/**
 * What istiod puts into a gateway's configuration, as far as Envoy's own distribution has it. Istio's filters for peer
 * metadata, statistics and ALPN are in no Envoy but Istio's, so that the real one costs more than this.
 */
const TYPE = 'type.googleapis.com/envoy.extensions'

const filter = (name: string, type: string, more: object = {}) => ({
  name: `envoy.filters.http.${name}`,
  typed_config: { '@type': `${TYPE}.filters.http.${type}`, ...more },
})

/** Mesh-wide default of the access log's format. */
const ACCESS_LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n'

export const ISTIO_MANAGER = {
  server_name: 'istio-envoy',
  generate_request_id: true,
  use_remote_address: true,
  normalize_path: true,
  path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
  stream_idle_timeout: '0s',
  request_id_extension: {
    typed_config: {
      '@type': `${TYPE}.request_id.uuid.v3.UuidRequestIdConfig`,
      use_request_id_for_trace_sampling: true,
    },
  },
  tracing: {
    client_sampling: { value: 100 },
    random_sampling: { value: 1 },
    overall_sampling: { value: 100 },
  },
  access_log: [
    {
      name: 'envoy.access_loggers.file',
      typed_config: {
        '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`,
        path: '/dev/stdout',
        log_format: { text_format_source: { inline_string: ACCESS_LOG_FORMAT } },
      },
    },
  ],
  forward_client_cert_details: 'SANITIZE_SET',
  set_current_client_cert_details: { subject: true, cert: true, dns: true, uri: true },
  http_filters: [
    filter('grpc_stats', 'grpc_stats.v3.FilterConfig', {
      emit_filter_state: true,
      stats_for_all_methods: false,
    }),
    filter('fault', 'fault.v3.HTTPFault'),
    filter('cors', 'cors.v3.Cors'),
  ],
}

export const ISTIO_ROUTE = {
  timeout: '0s',
  max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
  retry_policy: {
    retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    num_retries: 2,
    host_selection_retry_max_attempts: '5',
    retry_host_predicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typed_config: { '@type': `${TYPE}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
      },
    ],
  },
}

const UNLIMITED = 4_294_967_295

export const ISTIO_CLUSTER = {
  lb_policy: 'LEAST_REQUEST',
  circuit_breakers: {
    thresholds: [
      {
        max_connections: UNLIMITED,
        max_pending_requests: UNLIMITED,
        max_requests: UNLIMITED,
        max_retries: UNLIMITED,
        track_remaining: true,
      },
    ],
  },
}

/** Istio keeps few of Envoy's own statistics, which is in Envoy's favour here. */
export const ISTIO_STATS = {
  use_all_default_tags: false,
  stats_matcher: {
    inclusion_list: {
      patterns: [
        ...[
          'reporter=',
          'cluster_manager',
          'listener_manager',
          'server',
          'cluster.xds-grpc',
          'component',
          'istio',
        ].map((prefix) => ({ prefix })),
        ...['rbac.allowed', 'rbac.denied', 'downstream_cx_active', 'downstream_rq_total'].map((suffix) => ({
          suffix,
        })),
      ],
    },
  },
}
