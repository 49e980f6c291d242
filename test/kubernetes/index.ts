/**
 * kubernetes: what a real kube-apiserver answers is what ours answers. A table of kubectl command lines and of raw
 * requests runs against both, beside each other and in the same order; answers are compared after what differs by
 * nature (times, uids, versions) is made equal. Differences that are known stand in a list with their reason: a new one
 * fails, and so does one that is gone but still listed. `scripts/kubernetes-differential.ts` is the door.
 */
export { compareAll } from './compare.ts'
export { measureAll } from './performance.ts'
export { startOurs, startReference, type ReferencePrograms, type Server } from './servers.ts'
export { serve } from './our-server.ts'
