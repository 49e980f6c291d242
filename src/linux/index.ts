/**
 * linux: what the project asks of the kernel. Sockets inside network namespaces (`setns` for the call to
 * `socket(2)`), where a redirected connection was going (`SO_ORIGINAL_DST`), namespaces and links (`ip`),
 * rule sets (`nft`), flows of datagrams, the traffic capture of a pod, user namespaces for those who are not root, and the protocol
 * between the node agent and the node proxy.
 * Knows nothing of Kubernetes or of the mesh. Every file descriptor it returns belongs to the caller.
 */
export { captureRules } from './capture.ts'
export { type CommandOptions, runCommand } from './command.ts'
export {
  connectUnix,
  DESCRIPTORS_PER_MESSAGE_MAX,
  duplicateFd,
  type ReceivedMessage,
  receiveWithFds,
  sendWithFds,
} from './fd-passing.ts'
export { forgetUdpFlows, type UdpFlow } from './conntrack.ts'
export { createJsonLineDecoder, encodeJsonLine, type JsonLineDecoder } from './json-lines.ts'
export {
  applyNft,
  type BridgeOptions,
  createNetns,
  deleteBridge,
  deleteLink,
  deleteNetns,
  ensureBridge,
  hardwareAddress,
  hasIpv6,
  ipBatch,
  linkExists,
  listNetns,
  netnsPath,
} from './network.ts'
export {
  type HostedInstance,
  type HostedInstanceState,
  type HostedMount,
  mountOf,
  NODE_PROXY_LINE_BYTES_MAX,
  NODE_PROXY_PROTOCOL_VERSION,
  NODE_PROXY_SOCKET,
  NODE_PROXY_USAGE_INTERVAL_MS,
  type NodeProxyEvent,
  type NodeProxyRequest,
  PROXY_SOCKET_MARK,
} from './node-proxy-protocol.ts'
export { openPty, type Pty, setTerminalSize } from './pty.ts'
export { releaseMemory } from './release-memory.ts'
export type { SocketAddress } from './socket-address.ts'
export {
  closeFd,
  enterNetns,
  inNetns,
  openTcpListener,
  openTcpSocket,
  openUdpSocket,
  originalDestination,
  peerPid,
  setSocketMark,
  shareTcpPort,
  socketFd,
  type TcpListenerOptions,
  type TcpSocketOptions,
  type UdpSocketOptions,
} from './sockets.ts'
export {
  enterWords,
  hasManyIds,
  isInOtherUserNamespace,
  isPrivileged,
  startDetached,
  startNamespaces,
  tryUserNamespace,
} from './user-namespace.ts'
export { explainRefusal, type Refusal } from './user-namespace-refusal.ts'
