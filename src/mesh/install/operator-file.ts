import { parseAllDocuments } from 'yaml'
import { fail, messageOf, ok, type Result, type Violation } from '../../base/index.ts'
import { checkSetting, mergeTrees, type SettingTree, type SettingValue } from './settings.ts'

/** Gateways of an IstioOperator that there can be; others are made by Gateway objects. */
const GATEWAY_LISTS: Readonly<Record<string, string>> = {
  ingressGateways: 'istio-ingressgateway',
  egressGateways: 'istio-egressgateway',
}
/** What a component's `k8s` says in the words of Kubernetes, and where the same is said in `values`. */
const KUBERNETES_SETTINGS: Readonly<Record<string, string>> = {
  'components.pilot.k8s': 'values.pilot',
  'components.ingressGateways[0].k8s': 'values.gateways.istio-ingressgateway',
  'components.egressGateways[0].k8s': 'values.gateways.istio-egressgateway',
}
const DOCUMENTS_MAX = 16

/**
 * Reads a file of IstioOperator objects, later ones laid over earlier ones, as `--set` would say the same.
 * @returns the settings, or what is wrong with them, each with its path
 */
export function parseOperatorFile(text: string): Result<SettingTree> {
  let tree: SettingTree = {}
  const violations: Violation[] = []
  for (const document of parseAllDocuments(text).slice(0, DOCUMENTS_MAX)) {
    const [error] = document.errors
    if (error) return fail([{ path: 'YAML', message: error.message.split('\n')[0] ?? messageOf(error) }])
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    if (value === null || value === undefined) continue // nothing between two separators
    const read = readOperator(value)
    if (read.ok) tree = mergeTrees(tree, read.value)
    else violations.push(...read.error)
  }
  return violations.length > 0 ? fail(violations) : ok(tree)
}

function readOperator(value: unknown): Result<SettingTree> {
  if (!isMapping(value) || value['kind'] !== 'IstioOperator') {
    return fail([{ path: 'kind', message: 'must be IstioOperator, of install.istio.io/v1alpha1' }])
  }
  const spec = value['spec'] ?? {}
  if (!isMapping(spec)) return fail([{ path: 'spec', message: 'must be a mapping' }])
  const violations: Violation[] = []
  let tree: SettingTree = {}
  const namespace = isMapping(value['metadata']) ? value['metadata']['namespace'] : undefined
  const leaves = leavesOf([], { ...(typeof namespace === 'string' ? { namespace } : {}), ...spec })
  for (const { members, value: leaf } of leaves) {
    const [list, name] = gatewayName(members)
    if (name !== undefined) {
      if (leaf !== GATEWAY_LISTS[list])
        violations.push({
          path: members.join('.'),
          message: `"${String(leaf)}" cannot be made here: only ${GATEWAY_LISTS[list]}; write a Gateway object for any other`,
        })
      continue
    }
    const moved = movedMembers(members)
    violations.push(...checkSetting(moved.join('.'), leaf))
    tree = mergeTrees(tree, leafTree(moved, leaf))
  }
  return violations.length > 0 ? fail(violations) : ok(tree)
}

/** `components.ingressGateways[N].name`: the list and the member, if the path is one. */
function gatewayName(members: readonly string[]): readonly [string, string?] {
  const [first, second = '', third] = members
  const list = second.replace(/\[\d+\]$/, '')
  const isName = first === 'components' && third === 'name' && Object.hasOwn(GATEWAY_LISTS, list)
  return isName ? [list, third] : [list]
}

function movedMembers(members: readonly string[]): readonly string[] {
  const values = KUBERNETES_SETTINGS[members.slice(0, 3).join('.')]
  return values === undefined ? members : [...values.split('.'), ...members.slice(3)]
}

interface Leaf {
  readonly members: readonly string[]
  readonly value: SettingValue
}

function leavesOf(members: readonly string[], value: unknown): readonly Leaf[] {
  if (Array.isArray(value)) {
    const name = members.at(-1) ?? ''
    return value.flatMap((item, index) => leavesOf([...members.slice(0, -1), `${name}[${index}]`], item))
  }
  if (isMapping(value))
    return Object.entries(value).flatMap(([name, below]) => leavesOf([...members, name], below))
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return [{ members, value }]
  return [] // null says nothing
}

function leafTree(members: readonly string[], value: SettingValue): SettingTree {
  const tree = members.reduceRight<SettingTree | SettingValue>((below, name) => ({ [name]: below }), value)
  return typeof tree === 'object' ? tree : {}
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
