import type { RouteFilter } from '../../../model/index.ts'
import type { IstioDestination, IstioHttpRoute } from '../../resources/index.ts'
import { percentOf } from './fault.ts'
import type { RuleContext } from './rule-context.ts'

/** @see Istio, HTTPRoute.mirror and mirrors; without a percentage everything is copied */
export function mirrorFilters(
  rule: IstioHttpRoute,
  path: string,
  context: RuleContext,
  problems: string[],
): readonly RouteFilter[] {
  const one =
    rule.mirror === undefined
      ? []
      : mirrorTo(
          rule.mirror,
          percentOf(rule.mirrorPercentage) ?? rule.mirrorPercent ?? rule.mirror_percent ?? 100,
          {
            path: `${path}.mirror`,
            context,
            problems,
          },
        )
  const several = (rule.mirrors ?? []).flatMap(({ destination, percentage }, i) =>
    mirrorTo(destination, percentOf(percentage) ?? 100, { path: `${path}.mirrors[${i}]`, context, problems }),
  )
  return [...one, ...several]
}

function mirrorTo(
  destination: IstioDestination,
  percent: number,
  place: { readonly path: string; readonly context: RuleContext; readonly problems: string[] },
): readonly RouteFilter[] {
  const { path, context, problems } = place
  const host = context.resolveHost(destination.host)
  const service = context.serviceByHost(host)
  const port = destination.port?.number ?? (service?.ports.length === 1 ? service.ports[0]?.port : undefined)
  if (service === undefined || port === undefined || !service.ports.some((one) => one.port === port)) {
    const reason =
      service === undefined
        ? 'is not known'
        : `needs a port: it has ${service.ports.map((one) => one.port).join(', ')}`
    problems.push(`${path}: ${host} ${reason}; nothing is copied there`)
    return []
  }
  const subset =
    destination.subset === undefined || destination.subset === '' ? {} : { subset: destination.subset }
  return [{ kind: 'mirror', percent, target: { kind: 'service', service: service.key, port, ...subset } }]
}
