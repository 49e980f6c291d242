/** Webhooks and policies of admission. What their expressions say is checked by the API server, which evaluates them. */
import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1035Label, checkDns1123Subdomain, checkPathSegment, checkQualifiedName } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  tooMany,
  unsupported,
} from '../schema/field-error.ts'
import { checkText, validateLabelSelector } from './checks.ts'

const SIDE_EFFECTS = ['None', 'NoneOnDryRun']
const REVIEW_VERSIONS = ['v1', 'v1beta1']
const TIMEOUT_SECONDS_MAX = 30

export function validateWebhooks(object: JsonRecord): readonly FieldError[] {
  const names = new Set<string>()
  return getList(object, 'webhooks').flatMap((webhook, index) => {
    const at = `webhooks[${index}]`
    const name = getString(webhook, 'name') ?? ''
    const isTaken = names.has(name)
    if (name !== '') names.add(name)
    return [
      ...validateWebhook(webhook, at, name),
      ...validateReviewVersions(getList(webhook, 'admissionReviewVersions'), `${at}.admissionReviewVersions`),
      ...(isTaken ? [duplicate(`${at}.name`, name)] : []),
    ]
  })
}

function validateWebhook(webhook: unknown, path: string, name: string): readonly FieldError[] {
  const effects = getString(webhook, 'sideEffects')
  const seconds = getNumber(webhook, 'timeoutSeconds')
  const errors: FieldError[] = [...checkQualifiedHost(name, `${path}.name`)]
  for (const [index, rule] of getList(webhook, 'rules').entries())
    errors.push(...validateRule(rule, `${path}.rules[${index}]`))
  if (effects === undefined)
    errors.push(required(`${path}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(', ')}`))
  else if (!SIDE_EFFECTS.includes(effects))
    errors.push(unsupported(`${path}.sideEffects`, effects, SIDE_EFFECTS))
  if (seconds !== undefined && (seconds < 1 || seconds > TIMEOUT_SECONDS_MAX)) {
    const detail = `the timeout value must be between 1 and ${TIMEOUT_SECONDS_MAX} seconds`
    errors.push(invalid(`${path}.timeoutSeconds`, seconds, detail))
  }
  return [
    ...errors,
    ...validateLabelSelector(getRecord(webhook, 'namespaceSelector'), `${path}.namespaceSelector`),
    ...validateLabelSelector(getRecord(webhook, 'objectSelector'), `${path}.objectSelector`),
    ...validateWebhookClient(getRecord(webhook, 'clientConfig') ?? {}, `${path}.clientConfig`),
    ...validateConditions(getList(webhook, 'matchConditions'), `${path}.matchConditions`),
  ]
}

/** Three labels at least, so that nobody takes a name that is somebody else's. */
function checkQualifiedHost(name: string, path: string): readonly FieldError[] {
  if (name === '') return [required(path)]
  const problems = checkDns1123Subdomain(name)
  if (problems.length > 0) return [invalid(path, name, problems.join(','))]
  return name.split('.').length >= 3
    ? []
    : [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
}

export function validateReviewVersions(versions: readonly unknown[], path: string): readonly FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)]
  const errors = versions.flatMap((version, index) =>
    versions.indexOf(version) < index
      ? [invalid(`${path}[${index}]`, version, 'duplicate version')]
      : checkText(version, checkDns1035Label, `${path}[${index}]`),
  )
  const isKnown = versions.some((version) => REVIEW_VERSIONS.includes(String(version)))
  const detail = `must include at least one of ${REVIEW_VERSIONS.join(', ')}`
  return isKnown ? errors : [...errors, invalid(path, versions, detail)]
}

/** Where a webhook is called, of admission and of conversion alike. */
export function validateWebhookClient(client: JsonRecord, path: string): readonly FieldError[] {
  const url = getString(client, 'url')
  const service = getRecord(client, 'service')
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')]
  return url === undefined
    ? validateServiceRef(service ?? {}, `${path}.service`)
    : checkWebhookUrl(url, `${path}.url`)
}

const URL_FORM = '; desired format: https://host[/path]'

/** In the order in which Go takes a URL apart. */
function checkWebhookUrl(url: string, path: string): readonly FieldError[] {
  const parts = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(\?[^#]*)?(#.*)?$/s.exec(url)
  const [, scheme = '', authority = '', query = '', fragment = ''] = parts ?? []
  const [user, host] = authority.includes('@') ? authority.split('@') : [undefined, authority]
  return [
    ...(scheme === 'https'
      ? []
      : [invalid(path, scheme, `'https' is the only allowed URL scheme${URL_FORM}`)]),
    ...(host === '' ? [invalid(path, '', `host must be specified${URL_FORM}`)] : []),
    ...(user === undefined ? [] : [invalid(path, user, 'user information is not permitted in the URL')]),
    ...(fragment.length > 1
      ? [invalid(path, fragment.slice(1), 'fragments are not permitted in the URL')]
      : []),
    ...(query.length > 1
      ? [invalid(path, query.slice(1), 'query parameters are not permitted in the URL')]
      : []),
  ]
}

function validateServiceRef(service: JsonRecord, path: string): readonly FieldError[] {
  const port = getNumber(service, 'port') ?? 443
  const detail = 'port is not valid: must be between 1 and 65535, inclusive'
  return [
    ...['name', 'namespace']
      .filter((field) => (getString(service, field) ?? '') === '')
      .map((field) => required(`${path}.${field}`)),
    ...(port < 1 || port > 65_535 ? [invalid(`${path}.port`, port, detail)] : []),
    ...checkServicePath(getString(service, 'path') ?? '', `${path}.path`),
  ]
}

function checkServicePath(text: string, path: string): readonly FieldError[] {
  if (text === '' || text === '/') return []
  if (text === '//') return [invalid(path, text, 'segment[0] may not be empty')]
  const errors = text.startsWith('/') ? [] : [invalid(path, text, "must start with a '/'")]
  const steps = text.slice(1).replace(/\/$/, '').split('/')
  return [
    ...errors,
    ...steps.flatMap((step, index) =>
      step === ''
        ? [invalid(path, text, `segment[${index}] may not be empty`)]
        : checkDns1123Subdomain(step).map((problem) => invalid(path, text, `segment[${index}]: ${problem}`)),
    ),
  ]
}

function validateRule(rule: unknown, path: string): readonly FieldError[] {
  const operations = getList(rule, 'operations')
  return [
    ...(operations.length === 0 ? [required(`${path}.operations`)] : []),
    ...onlyWildcard(operations, `${path}.operations`, 'operations'),
    ...validateRuleList(rule, 'apiGroups', 'API groups', path),
    ...validateRuleList(rule, 'apiVersions', 'API versions', path),
    ...validateRuleResources(getList(rule, 'resources'), `${path}.resources`),
  ]
}

function onlyWildcard(list: readonly unknown[], path: string, what: string): readonly FieldError[] {
  const isMixed = list.length > 1 && list.includes('*')
  return isMixed ? [invalid(path, list, `if '*' is present, must not specify other ${what}`)] : []
}

function validateRuleList(rule: unknown, field: string, what: string, path: string): readonly FieldError[] {
  const list = getList(rule, field)
  const at = `${path}.${field}`
  return [
    ...(list.length === 0 ? [required(at)] : []),
    ...onlyWildcard(list, at, what),
    ...(field === 'apiVersions' ? list : []).flatMap((item, index) =>
      item === '' ? [required(`${at}[${index}]`)] : [],
    ),
  ]
}

// A resource, one of its subresources, or a star for either: none may say again what another has said.
function validateRuleResources(resources: readonly unknown[], path: string): readonly FieldError[] {
  if (resources.length === 0) return [required(path)]
  const [whole, everywhere] = [new Set<string>(), new Set<string>()]
  const errors: FieldError[] = []
  for (const [index, item] of resources.entries()) {
    const at = `${path}[${index}]`
    const text = String(item)
    const [resource = '', subresource] = text.split('/', 2)
    if (item === '') errors.push(required(at))
    if (subresource === undefined) continue
    if (whole.has(resource))
      errors.push(invalid(at, item, `if '${resource}/*' is present, must not specify ${text}`))
    if (everywhere.has(subresource))
      errors.push(invalid(at, item, `if '*/${subresource}' is present, must not specify ${text}`))
    if (subresource === '*') whole.add(resource)
    if (resource === '*') everywhere.add(subresource)
  }
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"))
  const isPlain = resources.some((item) => item !== '*' && !String(item).includes('/'))
  if (resources.includes('*') && isPlain) {
    const detail = "if '*' is present, must not specify other resources without subresources"
    errors.push(invalid(path, resources, detail))
  }
  return errors
}

const CONDITIONS_MAX = 64

function validateConditions(conditions: readonly unknown[], path: string): readonly FieldError[] {
  const names = new Set<string>()
  return [
    ...(conditions.length > CONDITIONS_MAX ? [tooMany(path, conditions.length, CONDITIONS_MAX)] : []),
    ...conditions.flatMap((condition, index) => {
      const at = `${path}[${index}]`
      const name = getString(condition, 'name') ?? ''
      const errors: FieldError[] = []
      if ((getString(condition, 'expression') ?? '').trim() === '') errors.push(required(`${at}.expression`))
      if (name === '') errors.push(required(`${at}.name`))
      else errors.push(...checkText(name, checkQualifiedName, `${at}.name`))
      if (name !== '' && names.has(name)) errors.push(duplicate(`${at}.name`, name))
      names.add(name)
      return errors
    }),
  ]
}

const AUDIT_ANNOTATIONS_MAX = 20

export function validateAdmissionPolicy(object: JsonRecord): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const constraints = getRecord(spec, 'matchConstraints')
  const validations = getList(spec, 'validations')
  const annotations = getList(spec, 'auditAnnotations')
  const paramKind = getRecord(spec, 'paramKind')
  const either = 'validations or auditAnnotations must contain at least one item'
  const errors: FieldError[] = paramKind ? [...validateParamKind(paramKind, 'spec.paramKind')] : []
  if (!constraints) errors.push(required('spec.matchConstraints'))
  else {
    errors.push(...validateMatchResources(constraints, 'spec.matchConstraints'))
    const hasRules = getList(constraints, 'resourceRules').length > 0
    if (!hasRules) errors.push(required('spec.matchConstraints.resourceRules'))
  }
  errors.push(...validateConditions(getList(spec, 'matchConditions'), 'spec.matchConditions'))
  for (const [index, variable] of getList(spec, 'variables').entries())
    errors.push(...validateVariable(variable, `spec.variables[${index}]`))
  if (validations.length === 0 && annotations.length === 0)
    return [...errors, required('spec.validations', either), required('spec.auditAnnotations', either)]
  return [
    ...errors,
    ...validations.flatMap((validation, index) =>
      validateValidation(validation, `spec.validations[${index}]`),
    ),
    ...validateAuditAnnotations(annotations, object),
  ]
}

function validateParamKind(kind: JsonRecord, path: string): readonly FieldError[] {
  return ['apiVersion', 'kind']
    .filter((field) => (getString(kind, field) ?? '') === '')
    .map((field) => required(`${path}.${field}`))
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/

function validateVariable(variable: unknown, path: string): readonly FieldError[] {
  const name = getString(variable, 'name') ?? ''
  const expression = getString(variable, 'expression') ?? ''
  return [
    ...(name.trim() === '' ? [required(`${path}.name`, 'name is not specified')] : []),
    ...(name.trim() !== '' && !IDENTIFIER.test(name)
      ? [invalid(`${path}.name`, name, 'must be a valid CEL identifier')]
      : []),
    ...(expression.trim() === '' ? [required(`${path}.expression`, 'expression is not specified')] : []),
  ]
}

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized']

function validateValidation(validation: unknown, path: string): readonly FieldError[] {
  const reason = getString(validation, 'reason')
  const message = getString(validation, 'message') ?? ''
  const errors: FieldError[] = []
  if ((getString(validation, 'expression') ?? '').trim() === '')
    errors.push(required(`${path}.expression`, 'expression is not specified'))
  for (const field of ['messageExpression', 'message']) {
    const text = getString(validation, field) ?? ''
    if (text !== '' && text.trim() === '')
      errors.push(invalid(`${path}.${field}`, text, 'must be non-empty if specified'))
  }
  if (message.trim().includes('\n'))
    errors.push(invalid(`${path}.message`, message, 'must not contain line breaks'))
  if (reason !== undefined && !REASONS.includes(reason))
    errors.push(unsupported(`${path}.reason`, reason, REASONS))
  return errors
}

function validateAuditAnnotations(
  annotations: readonly unknown[],
  object: JsonRecord,
): readonly FieldError[] {
  const path = 'spec.auditAnnotations'
  const policy = getString(object, 'metadata', 'name') ?? ''
  const keys = new Set<string>()
  const tooLong = `must not have more than ${AUDIT_ANNOTATIONS_MAX} auditAnnotations`
  return [
    ...(annotations.length > AUDIT_ANNOTATIONS_MAX ? [invalid(path, annotations, tooLong)] : []),
    ...annotations.flatMap((annotation, index) => {
      const key = getString(annotation, 'key') ?? ''
      const at = `${path}[${index}]`
      const expression = (getString(annotation, 'valueExpression') ?? '').trim()
      const errors: FieldError[] = [...checkText(`${policy}/${key}`, checkQualifiedName, `${at}.key`)]
      if (expression === '')
        errors.push(required(`${at}.valueExpression`, 'valueExpression is not specified'))
      if (keys.has(key)) errors.push(duplicate(`${at}.key`, key))
      keys.add(key)
      return errors
    }),
  ]
}

function validateMatchResources(match: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!match) return []
  return [
    ...validateLabelSelector(getRecord(match, 'namespaceSelector'), `${path}.namespaceSelector`),
    ...validateLabelSelector(getRecord(match, 'objectSelector'), `${path}.objectSelector`),
    ...['resourceRules', 'excludeResourceRules'].flatMap((field) =>
      getList(match, field).flatMap((rule, index) => {
        const at = `${path}.${field}[${index}]`
        const names = getList(rule, 'resourceNames').flatMap((name, number) =>
          checkText(name, checkPathSegment, `${at}.resourceNames[${number}]`),
        )
        return [...names, ...validateRule(rule, at)]
      }),
    ),
  ]
}

const ACTIONS = ['Audit', 'Deny', 'Warn']
const REPEATED =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'

export function validatePolicyBinding(object: JsonRecord): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const actions = getList(spec, 'validationActions')
  const policy = getString(spec, 'policyName') ?? ''
  const path = 'spec.validationActions'
  return [
    ...(policy === ''
      ? [required('spec.policyName')]
      : checkText(policy, checkDns1123Subdomain, 'spec.policyName')),
    ...validateParamRef(getPath(spec, 'paramRef'), 'spec.paramRef'),
    ...validateMatchResources(getRecord(spec, 'matchResources'), 'spec.matchResources'),
    ...actions.flatMap((action, index) => [
      ...(ACTIONS.includes(String(action)) ? [] : [unsupported(`${path}[${index}]`, action, ACTIONS)]),
      ...(actions.indexOf(action) < index ? [duplicate(`${path}[${index}]`, action)] : []),
    ]),
    ...(actions.includes('Deny') && actions.includes('Warn') ? [invalid(path, actions, REPEATED)] : []),
    ...(actions.length === 0 ? [required(path)] : []),
  ]
}

const NOT_FOUND_ACTIONS = ['Deny', 'Allow']

function validateParamRef(reference: unknown, path: string): readonly FieldError[] {
  if (!isRecord(reference)) return []
  const name = getString(reference, 'name') ?? ''
  const selector = getRecord(reference, 'selector')
  const action = getString(reference, 'parameterNotFoundAction') ?? ''
  const errors: FieldError[] = []
  const exclusive = 'name and selector are mutually exclusive'
  if (name !== '') errors.push(...checkText(name, checkPathSegment, `${path}.name`))
  if (name !== '' && selector) errors.push(forbidden(`${path}.name`, exclusive))
  errors.push(...validateLabelSelector(selector, `${path}.selector`))
  if (name !== '' && selector) errors.push(forbidden(`${path}.selector`, exclusive))
  if (name === '' && !selector) errors.push(required(path, 'one of name or selector must be specified'))
  if (action === '') errors.push(required(`${path}.parameterNotFoundAction`))
  else if (!NOT_FOUND_ACTIONS.includes(action))
    errors.push(unsupported(`${path}.parameterNotFoundAction`, action, NOT_FOUND_ACTIONS))
  return errors
}
