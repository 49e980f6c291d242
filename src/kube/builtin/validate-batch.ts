import { getNumber, getPath, getRecord, getString, type JsonRecord } from '../json.ts'
import { parseSchedule } from '../cron-schedule.ts'
import { checkDns1123Label } from '../names.ts'
import { type FieldError, invalid, required, unsupported } from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import { matchesLabels } from '../selector.ts'
import { checkUnchanged, notNegative, validateLabelSelector } from './checks.ts'
import { validatePodSpec } from './validate-pod.ts'

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
]
const SELECTOR = 'meta/v1.LabelSelector'

export function validateJob(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  return [
    ...(old ? [] : validateOwnSelector(object, spec)),
    ...validateJobSpec(spec, 'spec'),
    ...validateJobSelector(spec),
    ...(old ? validateJobUpdate(spec, getRecord(old, 'spec') ?? {}) : []),
    ...validateIndexedName(object, spec),
  ]
}

/** Labels that the server gives the pods of a Job; a selector that asks for others was written by hand. */
function validateOwnSelector(object: JsonRecord, spec: JsonRecord): readonly FieldError[] {
  const selector = getRecord(spec, 'selector')
  if (!selector || getPath(spec, 'manualSelector') === true) return []
  const [uid, name] = [
    getString(object, 'metadata', 'uid') ?? '',
    getString(object, 'metadata', 'name') ?? '',
  ]
  const given = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  }
  const labels = getRecord(spec, 'template', 'metadata', 'labels') ?? {}
  const errors = Object.entries(given).flatMap(([key, expected]) => {
    const path = `spec.template.metadata.labels[${key}]`
    if (labels[key] === expected) return []
    const detail = `must be '${expected}'`
    return [Object.hasOwn(labels, key) ? invalid(path, labels, detail) : required(path, detail)]
  })
  if (matchesLabels(selector, given)) return errors
  return [...errors, invalid('spec.selector', goForm(selector, SELECTOR), '`selector` not auto-generated')]
}

function validateJobSelector(spec: JsonRecord): readonly FieldError[] {
  const selector = getRecord(spec, 'selector')
  // A Job whose server has not given it a selector yet: `manualSelector` asks for one.
  if (!selector) return getPath(spec, 'manualSelector') === true ? [required('spec.selector')] : []
  const wrong = validateLabelSelector(selector, 'spec.selector')
  const labels = getRecord(spec, 'template', 'metadata', 'labels')
  if (wrong.length > 0 || matchesLabels(selector, (labels ?? {}) as Readonly<Record<string, string>>))
    return wrong
  const detail = '`selector` does not match template `labels`'
  return [invalid('spec.template.metadata.labels', labels ?? null, detail)]
}

function validateJobUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const isSuspended = getPath(old, 'suspend') === true
  const same = (field: string, message?: string) => {
    const [now, before] = [getPath(spec, field), getPath(old, field)]
    const values = { now, before, ...(message !== undefined && { shown: goForm(now, message) }) }
    return checkUnchanged(`spec.${field}`, values)
  }
  return [
    ...validateCompletionsUpdate(spec, old),
    ...same('selector', SELECTOR),
    ...(isSuspended ? [] : same('template', 'core/v1.PodTemplateSpec')),
    ...same('completionMode'),
    ...same('podFailurePolicy', 'batch/v1.PodFailurePolicy'),
    ...same('backoffLimitPerIndex'),
    ...same('managedBy'),
    ...same('successPolicy', 'batch/v1.SuccessPolicy'),
  ]
}

/** An indexed Job may be made longer or shorter, as long as it starts as many pods at once. */
function validateCompletionsUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const [now, before] = [getNumber(spec, 'completions'), getNumber(old, 'completions')]
  if (now === before) return []
  const isElastic =
    getString(spec, 'completionMode') === 'Indexed' &&
    now !== undefined &&
    before !== undefined &&
    now === getNumber(spec, 'parallelism')
  return isElastic ? [] : checkUnchanged('spec.completions', { now, before })
}

/** Pods of an indexed Job are named after it and their index, and a host has that name. */
function validateIndexedName(object: JsonRecord, spec: JsonRecord): readonly FieldError[] {
  const count = getNumber(spec, 'completions') ?? 0
  const name = getString(object, 'metadata', 'name') ?? ''
  const host = `${name}-${count - 1}`
  if (getString(spec, 'completionMode') !== 'Indexed' || count === 0 || checkDns1123Label(host).length === 0)
    return []
  return [invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${host}`)]
}

/** A new Job's name gets eleven characters, and has to stay one label. */
const CRON_JOB_NAME_MAX = 52

export function validateCronJob(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const name = getString(object, 'metadata', 'name') ?? ''
  const zone = getString(spec, 'timeZone')
  const jobSpec = getRecord(spec, 'jobTemplate', 'spec') ?? {}
  const selector = getRecord(jobSpec, 'selector')
  return [
    ...validateSchedule(getString(spec, 'schedule') ?? ''),
    ...notNegative(getPath(spec, 'startingDeadlineSeconds'), 'spec.startingDeadlineSeconds'),
    ...(zone === getString(old, 'spec', 'timeZone') ? [] : validateZone(zone)),
    ...validateJobSpec(jobSpec, 'spec.jobTemplate.spec'),
    ...(selector
      ? [
          invalid(
            'spec.jobTemplate.spec.selector',
            goForm(selector, SELECTOR),
            '`selector` will be auto-generated',
          ),
        ]
      : []),
    ...notNegative(getPath(spec, 'successfulJobsHistoryLimit'), 'spec.successfulJobsHistoryLimit'),
    ...notNegative(getPath(spec, 'failedJobsHistoryLimit'), 'spec.failedJobsHistoryLimit'),
    ...(!old && name.length > CRON_JOB_NAME_MAX
      ? [invalid('metadata.name', name, `must be no more than ${CRON_JOB_NAME_MAX} characters`)]
      : []),
  ]
}

function validateSchedule(schedule: string): readonly FieldError[] {
  const path = 'spec.schedule'
  if (schedule === '') return [required(path)]
  const zoned = /^(CRON_)?TZ=\S*\s+/
  const parsed = parseSchedule(schedule.replace(zoned, ''))
  return [
    ...(parsed.ok ? [] : [invalid(path, schedule, parsed.error)]),
    ...(schedule.includes('TZ')
      ? [invalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')]
      : []),
  ]
}

function validateZone(zone: string | undefined): readonly FieldError[] {
  const path = 'spec.timeZone'
  if (zone === undefined) return []
  if (zone === '') return [invalid(path, zone, 'timeZone must be nil or non-empty string')]
  if (zone.toLowerCase() === 'local') {
    const detail = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
    return [invalid(path, zone, detail)]
  }
  return isTimeZone(zone) ? [] : [invalid(path, zone, `unknown time zone ${zone}`)]
}

/** Offsets such as `+01:00` are zones to JavaScript, not to Kubernetes. */
function isTimeZone(zone: string): boolean {
  if (!zone.split('/').every((part) => /^(?!-)(?!\.\.?$)[A-Za-z.\-_0-9+]{1,14}$/.test(part))) return false
  if (/^[+-]/.test(zone)) return false
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}

const RESTARTS = ['OnFailure', 'Never']

function validateJobSpec(spec: JsonRecord, path: string): readonly FieldError[] {
  return [
    ...COUNTS.flatMap((field) => notNegative(getPath(spec, field), `${path}.${field}`)),
    ...validateIndexed(spec, path),
    ...validatePodSpec(getRecord(spec, 'template', 'spec') ?? {}, `${path}.template.spec`),
    ...validateJobRestarts(spec, `${path}.template.spec.restartPolicy`),
  ]
}

/** Templates restart always unless they say otherwise, which no Job's pods may. */
function validateJobRestarts(spec: JsonRecord, path: string): readonly FieldError[] {
  const policy = getString(spec, 'template', 'spec', 'restartPolicy') ?? ''
  if (policy === '' || policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')]
  if (!RESTARTS.includes(policy)) return [unsupported(path, policy, RESTARTS)]
  if (policy === 'Never' || getPath(spec, 'podFailurePolicy') === undefined) return []
  return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
}

const INDEXED_MAX = 100_000

function validateIndexed(spec: JsonRecord, path: string): readonly FieldError[] {
  const isIndexed = getString(spec, 'completionMode') === 'Indexed'
  const completions = getNumber(spec, 'completions')
  const parallelism = getNumber(spec, 'parallelism')
  const errors: FieldError[] = []
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes']) {
    const value = getNumber(spec, field)
    errors.push(...notNegative(value, `${path}.${field}`))
    if (!isIndexed && value !== undefined)
      errors.push(invalid(`${path}.${field}`, value, 'requires indexed completion mode'))
  }
  if (
    getNumber(spec, 'maxFailedIndexes') !== undefined &&
    getNumber(spec, 'backoffLimitPerIndex') === undefined
  )
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'))
  if (!isIndexed && getPath(spec, 'successPolicy') !== undefined) {
    const shown = goForm(getPath(spec, 'successPolicy'), 'batch/v1.SuccessPolicy')
    errors.push(invalid(`${path}.successPolicy`, shown, 'requires indexed completion mode'))
  }
  if (!isIndexed) return errors
  if (completions === undefined)
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'))
  if (parallelism !== undefined && parallelism > INDEXED_MAX) {
    const detail = `must be less than or equal to ${INDEXED_MAX} when completion mode is Indexed`
    errors.push(invalid(`${path}.parallelism`, parallelism, detail))
  }
  return errors
}
