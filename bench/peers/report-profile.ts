/** What `profile.ts` printed, and what it says: kept here, so that a run of the benchmark does not lose it. */
export const PROFILE = `## Where a goal is missed: the profile

Samples of perf in a warm proxy under the load of the scenario, by what they were in (a sample in the kernel by its call), and the
system calls of a request beside Envoy's. strace slows both down, so that a little more is done at once than without it. The machine
had neighbours; parts of one process are not changed by that as times are. Again: \`node bench/peers/profile.ts\`, whose first comment
says what it needs.

| part of the samples | HTTP/1.1 | mutual TLS | sidecar pair | HTTP/2 → HTTP/1.1 | HTTP/2 → HTTP/2 | gRPC streams |
| --- | --- | --- | --- | --- | --- | --- |
| kernel: write | 40 % | 38 % | 17 % | 16 % | 8 % | 28 % |
| kernel: read | 6 % | 5 % | 8 % | 14 % | 9 % | 9 % |
| kernel: epoll | 3 % | 3 % | 2 % | 2 % | 3 % | 11 % |
| kernel: other | 4 % | 3 % | 4 % | 5 % | 3 % | 4 % |
| V8: garbage | 1 % | 0 % | 4 % | 0 % | 2 % | 0 % |
| V8: compiling | 1 % | 2 % | 3 % | 5 % | 3 % | 3 % |
| TLS: OpenSSL and TLSWrap | 0 % | 5 % | 6 % | 0 % | 0 % | 0 % |
| V8: its own functions | 6 % | 6 % | 10 % | 9 % | 12 % | 7 % |
| Node, libuv, libc and the rest of V8 | 20 % | 20 % | 20 % | 19 % | 20 % | 11 % |
| ours: codecs | 10 % | 8 % | 10 % | 13 % | 24 % | 15 % |
| ours: pools and balancers | 2 % | 1 % | 3 % | 3 % | 1 % | 7 % |
| ours: routes and filters | 0 % | 0 % | 1 % | 1 % | 0 % | 0 % |
| ours: metrics and access log | 2 % | 3 % | 3 % | 3 % | 6 % | 0 % |
| ours: exchange and sockets | 4 % | 3 % | 4 % | 6 % | 6 % | 4 % |
| Node’s JavaScript (streams, net, tls, timers) | 1 % | 3 % | 4 % | 2 % | 2 % | 2 % |

| system calls per request | Lateen | Envoy as Istio |
| --- | --- | --- |
| HTTP/1.1 → HTTP/1.1 | 4.29: write 2.03, read 2.02, futex 0.09, epoll_pwait 0.07 | 6.52: readv 4.06, sendto 1.03, writev 1.00, epoll_wait 0.18, write 0.05, epoll_ctl 0.04, getsockopt 0.04, setsockopt 0.04, accept4 0.03 |
| HTTP/1.1 → HTTP/1.1 in mutual TLS 1.3 | 4.31: write 2.05, read 2.03, futex 0.07, epoll_pwait 0.07 | 7.70: recvfrom 3.19, readv 2.06, sendto 1.04, writev 1.00, epoll_wait 0.18, write 0.05, epoll_ctl 0.04, setsockopt 0.04, getsockopt 0.04 |
| sidecar pair: plain → A → mutual TLS → B → plain | 8.69: write 4.04, read 4.03, epoll_pwait 0.44, futex 0.12 | 15.34: recvfrom 6.04, readv 4.05, sendto 3.03, writev 1.00, epoll_wait 0.99, write 0.13 |
| HTTP/2 → HTTP/1.1 | 3.05: write 1.26, read 1.19, futex 0.18, setsockopt 0.06, getsockname 0.05, connect 0.05, socket 0.05, getsockopt 0.05, statx 0.04 | 3.80: readv 2.32, sendto 1.12, writev 0.11, epoll_wait 0.11, write 0.08 |
| HTTP/2 → HTTP/2 | 0.39: read 0.17, write 0.11, futex 0.06 | 0.40: readv 0.16, writev 0.07, sendto 0.06, write 0.06, epoll_wait 0.04 |
| gRPC, messages on streams that stay open | 0.35: write 0.15, read 0.15, epoll_pwait 0.03 | 0.51: readv 0.28, sendto 0.13, epoll_wait 0.07 |

- **We make fewer system calls than Envoy everywhere** (HTTP/1.1: 4.3 to 6.5; mutual TLS: 4.3 to 7.7; the pair: 8.7 to 15.3), and as
  few where it joins frames as we do (HTTP/2 both ways: 0.4). There is nothing left to save in their number.
- **HTTP/1.1**: half of the time is the kernel's, nearly all of it in the two writes, with the receiver's side of loopback in them. Of
  the other half 20 of 100 are libuv, the stream bindings of Node and V8's entry points, once for each read and each write; our own
  JavaScript is 18. Without any of it the ratio would be 1.1 to nginx and 0.47 to Envoy as Istio.
- **Mutual TLS and the pair**: the same, plus one more crossing into C++ for each record, and OpenSSL with its copies (part of it
  has no names in Node's binary and is counted with Node's). Four sides of TLS are that four times.
- **HTTP/2 both ways**: the kernel has 23 of 100, our codecs have 24: a head is decoded and encoded four times per request, by
  streams that live for one request. It is spread over some thirty functions, the largest (a field's line put by HPACK) has 4.
  V8's own functions (12: strings joined and cut, calls between compiled code) come with it. Envoy does the same work in
  C++; here what is compared is JavaScript with it, almost without the kernel.
- **gRPC streams**: half is the kernel's; 15 of 100 are the codecs', 7 the pools' timers and turns. The rest is spread thinly.
- **Garbage** is 0 to 4 of 100: fewer allocations would gain no more than that.

`
