import { deepEqual, getList, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1035Label, checkDns1123Subdomain } from '../names.ts'
import { type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import { checkUnchanged } from './checks.ts'
import { validateReviewVersions, validateWebhookClient } from './validate-admission.ts'
import { hasDefaults, validateSchema } from './validate-definition-schema.ts'
import { pathOfVersion, validateVersion } from './validate-definition-version.ts'

export function validateDefinition(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const before = getRecord(old, 'spec')
  return [
    ...validateName(object, spec, old),
    ...validateSpec(spec, before),
    ...(old && before ? validateSpecUpdate(spec, before, old) : []),
    ...validateStoredVersions(object, spec),
    ...validatePreserving(spec, before),
  ]
}

function validateName(
  object: JsonRecord,
  spec: JsonRecord,
  old: JsonRecord | undefined,
): readonly FieldError[] {
  const name = getString(object, 'metadata', 'name') ?? ''
  const wanted = `${getString(spec, 'names', 'plural') ?? ''}.${getString(spec, 'group') ?? ''}`
  return old || name === wanted
    ? []
    : [invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')]
}

const SCOPES = ['Cluster', 'Namespaced']

function validateSpec(spec: JsonRecord, before: JsonRecord | undefined): readonly FieldError[] {
  const versions = getList(spec, 'versions')
  const scope = getString(spec, 'scope') ?? ''
  return [
    ...validateGroup(getString(spec, 'group') ?? ''),
    ...(scope === '' ? [required('spec.scope')] : []),
    ...(scope !== '' && !SCOPES.includes(scope) ? [unsupported('spec.scope', scope, SCOPES)] : []),
    ...versions.flatMap((version, index) =>
      isRecord(getPath(version, 'schema', 'openAPIV3Schema'))
        ? []
        : [required(`spec.versions[${index}].schema.openAPIV3Schema`)],
    ),
    ...(getPath(spec, 'preserveUnknownFields') === true &&
    versions.some((version) => hasDefaults(getPath(version, 'schema', 'openAPIV3Schema')))
      ? [invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema')]
      : []),
    ...versions.flatMap((_, index) => validateEach(versions, index, before)),
    ...validateVersionList(versions),
    ...validateNames(getRecord(spec, 'names') ?? {}),
    ...validateConversion(getRecord(spec, 'conversion')),
  ]
}

function validateGroup(group: string): readonly FieldError[] {
  if (group === '') return [required('spec.group')]
  const problems = checkDns1123Subdomain(group)
  if (problems.length > 0) return [invalid('spec.group', group, problems.join(','))]
  return group.includes('.') ? [] : [invalid('spec.group', group, 'should be a domain with at least one dot')]
}

/** A schema that was stored is not looked at again: it was made by the rules of its time. */
function validateEach(
  versions: readonly unknown[],
  index: number,
  before: JsonRecord | undefined,
): readonly FieldError[] {
  const version = versions[index]
  const name = getString(version, 'name') ?? ''
  const problems = checkDns1035Label(name)
  const schema = getPath(version, 'schema', 'openAPIV3Schema')
  const known = getList(before, 'versions').some((other) =>
    deepEqual(getPath(other, 'schema', 'openAPIV3Schema'), schema),
  )
  const path = `${pathOfVersion(versions, index, 'schema')}.openAPIV3Schema`
  return [
    ...(problems.length > 0 ? [invalid(`spec.versions[${index}].name`, name, problems.join(','))] : []),
    ...(isRecord(schema) && !known ? validateSchema(schema, path) : []),
    ...validateVersion(versions, index),
  ]
}

function validateVersionList(versions: readonly unknown[]): readonly FieldError[] {
  const names = versions.map((version) => getString(version, 'name') ?? '')
  const stored = versions.filter((version) => getPath(version, 'storage') === true)
  return [
    ...(new Set(names).size < names.length
      ? [invalid('spec.versions', versions, 'must contain unique version names')]
      : []),
    ...(stored.length === 1
      ? []
      : [invalid('spec.versions', versions, 'must have exactly one version marked as storage version')]),
  ]
}

const NAMES = ['plural', 'singular', 'kind', 'listKind']

function validateNames(names: JsonRecord): readonly FieldError[] {
  const lists = ['shortNames', 'categories'].flatMap((field) =>
    getList(names, field).flatMap((name, index) => checkName(name, `spec.names.${field}[${index}]`)),
  )
  const kind = getString(names, 'kind') ?? ''
  const isSame = kind !== '' && kind === getString(names, 'listKind')
  return [
    ...NAMES.filter((field) => (getString(names, field) ?? '') === '').map((field) =>
      required(`spec.names.${field}`),
    ),
    ...NAMES.flatMap((field) => checkName(getString(names, field), `spec.names.${field}`)),
    ...(isSame ? [invalid('spec.names.listKind', kind, 'kind and listKind may not be the same')] : []),
    ...lists,
  ]
}

function checkName(name: unknown, path: string): readonly FieldError[] {
  if (typeof name !== 'string' || name === '') return []
  const isKind = path.endsWith('ind')
  const problems = checkDns1035Label(isKind ? name.toLowerCase() : name)
  const prefix = isKind ? 'may have mixed case, but should otherwise match: ' : ''
  return problems.length === 0 ? [] : [invalid(path, name, `${prefix}${problems.join(',')}`)]
}

const STRATEGIES = ['None', 'Webhook']

function validateConversion(conversion: JsonRecord | undefined): readonly FieldError[] {
  if (!conversion) return []
  const strategy = getString(conversion, 'strategy') ?? ''
  const client = getRecord(conversion, 'webhook', 'clientConfig')
  const versions = getList(conversion, 'webhook', 'conversionReviewVersions')
  const [clientPath, versionsPath] = [
    'spec.conversion.webhookClientConfig',
    'spec.conversion.conversionReviewVersions',
  ]
  const errors: FieldError[] = []
  if (strategy === '') errors.push(required('spec.conversion.strategy'))
  else if (!STRATEGIES.includes(strategy))
    errors.push(unsupported('spec.conversion.strategy', strategy, STRATEGIES))
  if (strategy !== 'Webhook') {
    const detail = 'should not be set when strategy is not set to Webhook'
    if (client) errors.push(forbidden(clientPath, detail))
    if (versions.length > 0) errors.push(forbidden(versionsPath, detail))
    return errors
  }
  if (!client) errors.push(required(clientPath, 'required when strategy is set to Webhook'))
  else errors.push(...validateWebhookClient(client, clientPath))
  if (versions.length === 0) return [...errors, required(versionsPath)]
  return [...errors, ...validateReviewVersions(versions, versionsPath)]
}

/** Names that objects are stored or found by stay as long as the definition is established. */
function validateSpecUpdate(spec: JsonRecord, before: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const isEstablished = getList(old, 'status', 'conditions').some(
    (condition) =>
      getString(condition, 'type') === 'Established' && getString(condition, 'status') === 'True',
  )
  const same = (...keys: readonly string[]) =>
    checkUnchanged(['spec', ...keys].join('.'), {
      now: getPath(spec, ...keys),
      before: getPath(before, ...keys),
    })
  return [
    ...(isEstablished ? [...same('scope'), ...same('names', 'kind')] : []),
    ...same('group'),
    ...same('names', 'plural'),
  ]
}

/** Objects may still be stored in a version that was once the one for storage. Outside of a cluster nothing is stored. */
function validateStoredVersions(object: JsonRecord, spec: JsonRecord): readonly FieldError[] {
  if (getRecord(object, 'status') === undefined) return []
  const stored = getList(object, 'status', 'storedVersions').filter((name) => name !== '')
  const names = getList(spec, 'versions').map((version) => getString(version, 'name'))
  if (stored.length === 0)
    return [invalid('status.storedVersions', null, 'must have at least one stored version')]
  return stored.flatMap((name, index) => {
    const detail = `missing from spec.versions; ${String(name)} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${String(name)} and removes ${String(name)} from status.storedVersions`
    return names.includes(String(name)) ? [] : [invalid(`status.storedVersions[${index}]`, name, detail)]
  })
}

function validatePreserving(spec: JsonRecord, before: JsonRecord | undefined): readonly FieldError[] {
  const isOld = getPath(before, 'preserveUnknownFields') === true
  if (getPath(spec, 'preserveUnknownFields') !== true || isOld) return []
  const detail =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'
  return [invalid('spec.preserveUnknownFields', true, detail)]
}
