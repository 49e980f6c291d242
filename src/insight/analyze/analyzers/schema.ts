import type { KubeObject } from '../../../kube/index.ts'
import type { Analyzer } from '../context.ts'
import { hostsOverlap } from '../hosts.ts'
import { createMessage } from '../messages.ts'
import { field, listAt, numberAt, textAt, textsAt } from '../read.ts'

/** What the schema alone cannot say of Istio's kinds (IST0106). The API server refuses most of it; files get here. */
export const schema: Analyzer = {
  name: 'schema.ValidationAnalyzer',
  analyze: (context) => [
    ...report(context.of('virtualService'), virtualServiceErrors),
    ...report(context.of('istioGateway'), gatewayErrors),
    ...report(context.of('destinationRule'), destinationRuleErrors),
  ],
}

function report(objects: readonly KubeObject[], errorsOf: (object: KubeObject) => readonly string[]) {
  return objects.flatMap((object) => errorsOf(object).map((error) => createMessage('IST0106', object, error)))
}

function virtualServiceErrors(object: KubeObject): readonly string[] {
  const hosts = textsAt(object, 'spec', 'hosts')
  const gateways = textsAt(object, 'spec', 'gateways')
  const http = listAt(object, 'spec', 'http')
  const errors: string[] = []
  if (hosts.length === 0 && gateways.length > 0) {
    errors.push('delegate virtual service must have no gateways specified')
  }
  const appliesToMesh = gateways.length === 0 || gateways.includes('mesh')
  if (appliesToMesh && hosts.includes('*')) {
    errors.push('wildcard host * is not allowed for virtual services bound to the mesh gateway')
  }
  hosts.forEach((host, i) => {
    for (const other of hosts.slice(i + 1)) {
      if (hostsOverlap(host, other)) errors.push(`duplicate hosts in virtual service: ${host} & ${other}`)
    }
  })
  if (http.length + listAt(object, 'spec', 'tcp').length + listAt(object, 'spec', 'tls').length === 0) {
    errors.push('http, tcp or tls must be provided in virtual service')
  }
  return [...errors, ...http.flatMap(httpRouteErrors)]
}

const CONFLICTS = {
  redirect: [
    ['route', 'HTTP route cannot contain both route and redirect'],
    ['fault', 'HTTP route cannot contain both fault and redirect'],
    ['rewrite', 'HTTP route rule cannot contain both rewrite and redirect'],
    ['directResponse', 'HTTP route rule cannot contain both direct_response and redirect'],
  ],
  directResponse: [
    ['route', 'HTTP route cannot contain both route and direct_response'],
    ['fault', 'HTTP route cannot contain both fault and direct_response'],
    ['rewrite', 'HTTP route rule cannot contain both rewrite and direct_response'],
  ],
} as const

function httpRouteErrors(rule: unknown): readonly string[] {
  const route = listAt(rule, 'route')
  const errors: string[] = []
  const action = field(rule, 'redirect') !== undefined ? 'redirect' : 'directResponse'
  if (field(rule, 'delegate') === undefined) {
    if (field(rule, action) !== undefined) {
      for (const [member, error] of CONFLICTS[action]) {
        if (field(rule, member) !== undefined) errors.push(error)
      }
    } else if (route.length === 0) errors.push('HTTP route, redirect or direct_response is required')
  }
  if (route.length > 1 && route.every((one) => numberAt(one, 'weight') === undefined)) {
    errors.push('total destination weight = 0')
  }
  if (route.some((one) => field(one, 'destination') === undefined)) errors.push('destination is required')
  return errors
}

function gatewayErrors(object: KubeObject): readonly string[] {
  const servers = listAt(object, 'spec', 'servers')
  if (servers.length === 0) return ['gateway must have at least one server']
  const names = servers.map((server) => textAt(server, 'port', 'name') ?? '')
  return [
    ...servers
      .filter((server) => textsAt(server, 'hosts').length === 0)
      .map(() => 'server config must contain at least one host'),
    ...names
      .filter((name, i) => names.indexOf(name) < i)
      .map((name) => `port names in servers must be unique: duplicate name ${name}`),
  ]
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

function destinationRuleErrors(object: KubeObject): readonly string[] {
  const names = listAt(object, 'spec', 'subsets').map((subset) => textAt(subset, 'name') ?? '')
  return names.flatMap((name, i) => [
    ...(names.indexOf(name) < i ? [`duplicate subset names: ${name}`] : []),
    ...(name === '' ? ['subset name cannot be empty'] : []),
    ...(name !== '' && !DNS_LABEL.test(name) ? [`subset name is invalid: ${name}`] : []),
  ])
}
