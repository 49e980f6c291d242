/** Causes in Envoy's words, with the system's name for those who look closer. */
export function describeSocketError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'delayed connect error: Connection refused'
    case 'ETIMEDOUT':
      return 'connection timeout'
    case 'EHOSTUNREACH':
      return 'delayed connect error: No route to host'
    case 'ENETUNREACH':
      return 'immediate connect error: Network is unreachable'
    default:
      // The kernel's errors name the call that failed; what else comes from a socket comes from TLS.
      return error.syscall === undefined && error.code !== undefined
        ? `TLS_error: ${error.code}`
        : (error.code ?? error.message)
  }
}
