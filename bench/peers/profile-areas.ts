/** The first that a sample fits: garbage collection and compiling by their own code, the kernel by its call. */
const KERNEL: readonly (readonly [RegExp, string])[] = [
  [/ (?:ksys_write|do_writev|vfs_writev|__sys_sendmsg|__sys_sendto) /, 'kernel: write'],
  [/ (?:ksys_read|do_readv|__sys_recvmsg|__sys_recvfrom) /, 'kernel: read'],
  [/ (?:do_epoll_\w+|ep_\w+|__x64_sys_epoll\w*) /, 'kernel: epoll'],
]

const NATIVE: readonly (readonly [RegExp, string])[] = [
  [
    /Scaveng|MarkCompact|Marking|Sweep|Evacuat|ObjectVisitor|Heap::|GCTracer|WriteBarrier|Minor/,
    'V8: garbage',
  ],
  [
    /compiler|Turbofan|Maglev|maglev|Baseline|Compil|Parser|Liftoff|RegisterAllocat|Deoptimi/,
    'V8: compiling',
  ],
  [
    /\b(?:SSL_|ssl_|tls1?|EVP_|evp_|CRYPTO_|aes|gcm|AES|BIO_|bio_|ossl|OPENSSL|TLSWrap|NodeBIO)/,
    'TLS: OpenSSL and TLSWrap',
  ],
  [/Builtins_/, 'V8: its own functions'],
]

const OURS: readonly (readonly [RegExp, string])[] = [
  [/proxy\/http[12]\//, 'ours: codecs'],
  [/proxy\/(?:upstream)\//, 'ours: pools and balancers'],
  [/proxy\/filters\/|\/routing\//, 'ours: routes and filters'],
  [/telemetry\/|proxy\/listener\/(?:recorder|live)/, 'ours: metrics and access log'],
  [/proxy\/(?:exchange|listener|net|tls|config|host|tcp)\/|proxy\/|\/base\//, 'ours: exchange and sockets'],
  [/node:/, 'Node’s JavaScript (streams, net, tls, timers)'],
]

const OTHER_KERNEL = 'kernel: other'
const OTHER_NATIVE = 'Node, libuv, libc and the rest of V8'

export const AREAS: readonly string[] = [
  ...KERNEL.map(([, area]) => area),
  OTHER_KERNEL,
  ...NATIVE.map(([, area]) => area),
  OTHER_NATIVE,
  ...OURS.map(([, area]) => area),
]

/** @param frames as `perf script` prints them, the innermost first */
export function areaOf(frames: readonly string[]): string {
  const [innermost = ''] = frames
  const isKernel = /\(\[(?:kernel|guest\.kernel)|\(\[unknown\]\)$|\.ko\)/.test(innermost)
  if (isKernel && /^\s*f{4}/.test(innermost))
    return firstOf(KERNEL, frames.filter((frame) => /^\s*f{4}/.test(frame)).join('\n')) ?? OTHER_KERNEL
  if (/perf-\d+\.map/.test(innermost)) return firstOf(OURS, innermost) ?? 'V8: its own functions'
  return firstOf(NATIVE, innermost) ?? OTHER_NATIVE
}

function firstOf(rules: readonly (readonly [RegExp, string])[], text: string): string | undefined {
  return rules.find(([pattern]) => pattern.test(text))?.[1]
}
