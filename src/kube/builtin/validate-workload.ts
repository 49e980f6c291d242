import {
  deepEqual,
  getList,
  getNumber,
  getPath,
  getRecord,
  getString,
  isRecord,
  type JsonRecord,
} from '../json.ts'
import { validateLabels } from '../names.ts'
import { type FieldError, forbidden, invalid, required } from '../schema/field-error.ts'
import { matchesLabels } from '../selector.ts'
import { notNegative, validatePodSpec, validateRestartPolicy } from './validate-pod.ts'

/** Checks of the kinds that make pods from a template: selector, template, replicas. */
export function validateWorkload(
  object: JsonRecord,
  old: JsonRecord | undefined,
  kindWord: string,
): readonly FieldError[] {
  const spec = getRecord(object, 'spec')
  if (!spec) return [required('spec')]
  return [
    ...notNegative(getNumber(spec, 'replicas'), 'spec.replicas'),
    ...notNegative(getNumber(spec, 'minReadySeconds'), 'spec.minReadySeconds'),
    ...notNegative(getNumber(spec, 'revisionHistoryLimit'), 'spec.revisionHistoryLimit'),
    ...validateSelector(spec, old, kindWord),
    ...validateTemplate(spec),
    ...validateRestartPolicy(getRecord(spec, 'template', 'spec'), 'spec.template.spec.restartPolicy', [
      'Always',
    ]),
  ]
}

function validateSelector(
  spec: JsonRecord,
  old: JsonRecord | undefined,
  kindWord: string,
): readonly FieldError[] {
  const selector = getRecord(spec, 'selector')
  if (!selector) return [required('spec.selector')]
  const isEmpty = Object.values(selector).every((part) => isRecord(part) && Object.keys(part).length === 0)
  if (isEmpty) return [invalid('spec.selector', selector, `empty selector is invalid for ${kindWord}`)]
  const labels = getRecord(spec, 'template', 'metadata', 'labels') ?? {}
  const errors: FieldError[] = [...validateLabels(labels, 'spec.template.metadata.labels')]
  if (!matchesLabels(selector, labels as Readonly<Record<string, string>>)) {
    errors.push(
      invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    )
  }
  const before = getPath(old, 'spec', 'selector')
  if (old && !deepEqual(before, selector))
    errors.push(invalid('spec.selector', selector, 'field is immutable'))
  return errors
}

function validateTemplate(spec: JsonRecord): readonly FieldError[] {
  const podSpec = getRecord(spec, 'template', 'spec')
  return podSpec
    ? validatePodSpec(podSpec, 'spec.template.spec')
    : [required('spec.template.spec.containers')]
}

export function validateDeployment(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const errors = [...validateWorkload(object, old, 'deployment')]
  const strategy = getRecord(object, 'spec', 'strategy')
  const rolling = getRecord(strategy, 'rollingUpdate')
  if (getString(strategy, 'type') === 'Recreate' && rolling) {
    errors.push(
      forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
    )
  }
  if (rolling) errors.push(...validateRolling(rolling, 'spec.strategy.rollingUpdate'))
  const deadline = getNumber(object, 'spec', 'progressDeadlineSeconds')
  const ready = getNumber(object, 'spec', 'minReadySeconds') ?? 0
  if (deadline !== undefined && deadline <= ready) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'))
  }
  return errors
}

function validateRolling(rolling: JsonRecord, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  for (const key of ['maxUnavailable', 'maxSurge']) {
    const value = getPath(rolling, key)
    if (typeof value === 'number') errors.push(...notNegative(value, `${path}.${key}`))
    if (typeof value === 'string' && !/^\d+%$/.test(value)) {
      errors.push(
        invalid(
          `${path}.${key}`,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      )
    }
  }
  const isZero = (value: unknown) => value === 0 || value === '0%'
  if (isZero(getPath(rolling, 'maxUnavailable')) && isZero(getPath(rolling, 'maxSurge'))) {
    const value = getPath(rolling, 'maxUnavailable')
    errors.push(invalid(`${path}.maxUnavailable`, value, 'may not be 0 when `maxSurge` is 0'))
  }
  return errors
}

const STATEFUL_SET_UPDATE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

const STATEFUL_SET_MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

export function validateStatefulSet(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const errors = validateWorkload(withClaimVolumes(object), undefined, 'statefulset')
  const fixed = (from: JsonRecord | undefined) =>
    Object.fromEntries(Object.entries(from ?? {}).filter(([key]) => !STATEFUL_SET_MUTABLE.includes(key)))
  if (!old || deepEqual(fixed(getRecord(object, 'spec')), fixed(getRecord(old, 'spec')))) return errors
  return [...errors, forbidden('spec', STATEFUL_SET_UPDATE)]
}

/** Containers may mount what the claim templates stand for as if it were a volume of the pod. */
function withClaimVolumes(object: JsonRecord): JsonRecord {
  const spec = getRecord(object, 'spec')
  const template = getRecord(spec, 'template')
  const podSpec = getRecord(template, 'spec')
  const claims = getList(spec, 'volumeClaimTemplates').map((claim) => ({
    name: getString(claim, 'metadata', 'name'),
  }))
  if (!podSpec || claims.length === 0) return object
  const volumes = [...getList(podSpec, 'volumes'), ...claims]
  return { ...object, spec: { ...spec, template: { ...template, spec: { ...podSpec, volumes } } } }
}

export function validateJob(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const errors = [...validateJobSpec(spec, 'spec')]
  for (const field of ['completions', 'selector', 'template', 'completionMode']) {
    const value = getPath(spec, field)
    const isSuspended = getPath(old, 'spec', 'suspend') === true
    if (old && !isSuspended && !deepEqual(getPath(old, 'spec', field), value)) {
      errors.push(invalid(`spec.${field}`, value, 'field is immutable'))
    }
  }
  return errors
}

export function validateCronJob(object: JsonRecord): readonly FieldError[] {
  const schedule = getString(object, 'spec', 'schedule') ?? ''
  const errors: FieldError[] = schedule.trim() === '' ? [required('spec.schedule')] : []
  if (schedule !== '' && !/^@\w+|^(?:\S+\s+){4}\S+$/.test(schedule.trim())) {
    const count = schedule.trim().split(/\s+/).length
    errors.push(invalid('spec.schedule', schedule, `expected exactly 5 fields, found ${count}: ${schedule}`))
  }
  const jobSpec = getRecord(object, 'spec', 'jobTemplate', 'spec')
  return jobSpec ? [...errors, ...validateJobSpec(jobSpec, 'spec.jobTemplate.spec')] : errors
}

function validateJobSpec(spec: JsonRecord, path: string): readonly FieldError[] {
  const podSpec = getRecord(spec, 'template', 'spec')
  return [
    ...notNegative(getNumber(spec, 'parallelism'), `${path}.parallelism`),
    ...notNegative(getNumber(spec, 'completions'), `${path}.completions`),
    ...notNegative(getNumber(spec, 'backoffLimit'), `${path}.backoffLimit`),
    ...(podSpec
      ? validatePodSpec(podSpec, `${path}.template.spec`)
      : [required(`${path}.template.spec.containers`)]),
    ...validateRestartPolicy(podSpec, `${path}.template.spec.restartPolicy`, ['OnFailure', 'Never']),
  ]
}

export function validateAutoscaler(object: JsonRecord): readonly FieldError[] {
  const min = getNumber(object, 'spec', 'minReplicas')
  const max = getNumber(object, 'spec', 'maxReplicas') ?? 0
  const errors: FieldError[] = []
  if (min !== undefined && min < 1)
    errors.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'))
  if (max < 1) errors.push(invalid('spec.maxReplicas', max, 'must be greater than 0'))
  if (min !== undefined && max < min) {
    errors.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'))
  }
  for (const field of ['kind', 'name']) {
    if ((getString(object, 'spec', 'scaleTargetRef', field) ?? '') === '') {
      errors.push(required(`spec.scaleTargetRef.${field}`))
    }
  }
  return errors
}
