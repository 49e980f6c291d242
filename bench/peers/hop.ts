/** What a proxy under measurement is asked to do, in no proxy's own words. */
export type Downstream = 'http1' | 'http2' | 'mtls' | 'tcp'
export type Upstream = 'http1' | 'http2' | 'grpc' | 'mtls' | 'tcp'
export type RouteKind = 'hosts' | 'prefixes' | 'regexes'

export interface Hop {
  readonly listen: number
  readonly accepts: Downstream
  readonly upstream: number
  readonly speaks: Upstream
  readonly workers: number
  /** So many routes beside the one that takes what no other takes; all lead to the same server. */
  readonly routes?: { readonly kind: RouteKind; readonly count: number }
  /** Only the client's identity is let in, to read. */
  readonly authorizes?: boolean
  readonly identities: Identities
}

/** Files in PEM. Client and server know each other by these URIs, as workloads of a mesh do. */
export interface Identities {
  readonly authority: string
  readonly client: KeyFiles
  readonly server: KeyFiles
}

export interface KeyFiles {
  readonly certificate: string
  readonly key: string
  /** both in one file */
  readonly both: string
}

export const SERVER_NAME = 'server.local'
export const SERVER_URI = 'spiffe://cluster.local/ns/default/sa/server'
export const CLIENT_URI = 'spiffe://cluster.local/ns/default/sa/client'

/** One program with its configuration. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

/** @param write puts a file beside the others @returns undefined where this program cannot do it */
export type Configure = (hop: Hop, write: (name: string, text: string) => string) => Command | undefined

/** A kind of proxy. */
export interface Peer {
  readonly name: string
  readonly configure: Configure
  /** undefined when it is there; else what to install */
  readonly missing: () => string | undefined
  /** @returns for the report; @param first the first line that it prints about its version */
  readonly version: () => string
}

export function hostOf(index: number): string {
  return `host-${index}.example`
}

export function prefixOf(index: number): string {
  return `/p-${index}/`
}

export function regexOf(index: number): string {
  return `/r-${index}/[0-9]+/[a-z]+`
}

/** The request that the middle one of the routes takes. */
export function requestFor(routes: Hop['routes']): { readonly host: string; readonly path: string } {
  const middle = Math.floor((routes?.count ?? 0) / 2)
  const host = routes?.kind === 'hosts' ? hostOf(middle) : 'bench.example'
  if (routes?.kind === 'prefixes') return { host, path: `${prefixOf(middle)}item` }
  if (routes?.kind === 'regexes') return { host, path: `/r-${middle}/17/item` }
  return { host, path: '/' }
}
