/** Deployments, ReplicaSets, StatefulSets and DaemonSets: kinds that keep pods of a template running. */
import { getList, getNumber, getPath, getRecord, getString, type JsonRecord } from '../json.ts'
import { checkDns1123Label, validateLabels } from '../names.ts'
import { type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import { matchesLabels } from '../selector.ts'
import {
  checkAtMostAll,
  checkCountOrPercent,
  checkText,
  checkUnchanged,
  countOrPercent,
  notNegative,
  validateLabelSelector,
} from './checks.ts'
import { validatePodSpec, validateRestartPolicy } from './validate-pod.ts'
import { validateClaimSpec } from './validate-storage.ts'

type Check = (object: JsonRecord, old: JsonRecord | undefined) => readonly FieldError[]

export const validateDeployment: Check = (object, old) => {
  const spec = getRecord(object, 'spec') ?? {}
  const deadline = getNumber(spec, 'progressDeadlineSeconds')
  const ready = getNumber(spec, 'minReadySeconds') ?? 0
  const detail = 'must be greater than minReadySeconds'
  return [
    ...notNegative(getPath(spec, 'replicas'), 'spec.replicas'),
    ...validateSelector(spec, 'deployment'),
    ...validateTemplate(spec),
    ...alwaysRestarts(spec),
    ...validateStrategy(getRecord(spec, 'strategy')),
    ...notNegative(getPath(spec, 'minReadySeconds'), 'spec.minReadySeconds'),
    ...notNegative(getPath(spec, 'revisionHistoryLimit'), 'spec.revisionHistoryLimit'),
    ...notNegative(deadline, 'spec.progressDeadlineSeconds'),
    ...(deadline !== undefined && deadline <= ready
      ? [invalid('spec.progressDeadlineSeconds', deadline, detail)]
      : []),
    ...sameSelector(spec, old),
  ]
}

export const validateReplicaSet: Check = (object, old) => {
  const spec = getRecord(object, 'spec') ?? {}
  return [
    ...notNegative(getPath(spec, 'replicas'), 'spec.replicas'),
    ...notNegative(getPath(spec, 'minReadySeconds'), 'spec.minReadySeconds'),
    ...validateSelector(spec, 'deployment'),
    ...validateTemplate(spec),
    ...alwaysRestarts(spec),
    ...sameSelector(spec, old),
  ]
}

export const validateDaemonSet: Check = (object, old) => {
  const spec = getRecord(object, 'spec') ?? {}
  return [
    ...validateSelector(spec, 'daemonset'),
    ...validateTemplate(spec),
    ...alwaysRestarts(spec),
    ...noDeadline(spec, 'DaemonSet'),
    ...notNegative(getPath(spec, 'minReadySeconds'), 'spec.minReadySeconds'),
    ...validateDaemonStrategy(getRecord(spec, 'updateStrategy')),
    ...notNegative(getPath(spec, 'revisionHistoryLimit'), 'spec.revisionHistoryLimit'),
    ...sameSelector(spec, old),
  ]
}

const RETENTION = ['Retain', 'Delete']

export const validateStatefulSet: Check = (object, old) => {
  const spec = getRecord(object, 'spec') ?? {}
  const retention = ['whenDeleted', 'whenScaled'].flatMap((field) => {
    const policy = getString(spec, 'persistentVolumeClaimRetentionPolicy', field)
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`
    return policy === undefined || RETENTION.includes(policy) ? [] : [unsupported(path, policy, RETENTION)]
  })
  return [
    ...validatePodManagement(spec),
    ...validateStatefulStrategy(getRecord(spec, 'updateStrategy')),
    ...retention,
    ...getList(spec, 'volumeClaimTemplates').flatMap((claim, index) =>
      validateClaimSpec(getRecord(claim, 'spec') ?? {}, `spec.volumeClaimTemplates[${index}].spec`),
    ),
    ...notNegative(getPath(spec, 'replicas'), 'spec.replicas'),
    ...notNegative(getPath(spec, 'minReadySeconds'), 'spec.minReadySeconds'),
    ...notNegative(getPath(spec, 'ordinals', 'start'), 'spec.ordinals.start'),
    ...checkText(getString(spec, 'serviceName') || undefined, checkDns1123Label, 'spec.serviceName'),
    ...validateSelector(spec, 'statefulset'),
    ...validateTemplate(spec),
    ...alwaysRestarts(spec),
    ...noDeadline(spec, 'StatefulSet'),
    ...(old ? validateStatefulUpdate(spec, getRecord(old, 'spec') ?? {}) : []),
  ]
}

function validatePodManagement(spec: JsonRecord): readonly FieldError[] {
  const policy = getString(spec, 'podManagementPolicy')
  if (policy === undefined || policy === 'OrderedReady' || policy === 'Parallel') return []
  return [invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")]
}

/** What is missing is reported of the selector; that it then matches nothing, of the labels. */
function validateSelector(spec: JsonRecord, kindWord: string): readonly FieldError[] {
  const selector = getRecord(spec, 'selector')
  const labels = getRecord(spec, 'template', 'metadata', 'labels')
  const path = 'spec.template.metadata.labels'
  const wrong = validateLabelSelector(selector, 'spec.selector')
  const parts = [
    ...getList(selector, 'matchExpressions'),
    ...Object.keys(getRecord(selector, 'matchLabels') ?? {}),
  ]
  const empty = `empty selector is invalid for ${kindWord}`
  const matches = selector && matchesLabels(selector, (labels ?? {}) as Readonly<Record<string, string>>)
  return [
    ...(selector ? wrong : [required('spec.selector')]),
    ...(selector && parts.length === 0 ? [invalid('spec.selector', goForm(selector, SELECTOR), empty)] : []),
    ...(wrong.length === 0 && !matches
      ? [invalid(path, labels ?? null, '`selector` does not match template `labels`')]
      : []),
  ]
}

const SELECTOR = 'meta/v1.LabelSelector'

function sameSelector(spec: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  if (!old) return []
  const now = getPath(spec, 'selector')
  const values = { now, before: getPath(old, 'spec', 'selector'), shown: goForm(now, SELECTOR) }
  return checkUnchanged('spec.selector', values)
}

function validateTemplate(spec: JsonRecord): readonly FieldError[] {
  const claims = getList(spec, 'volumeClaimTemplates').map(
    (claim) => getString(claim, 'metadata', 'name') ?? '',
  )
  return [
    ...validateLabels(getRecord(spec, 'template', 'metadata', 'labels'), 'spec.template.labels'),
    ...validatePodSpec(getRecord(spec, 'template', 'spec') ?? {}, 'spec.template.spec', claims),
  ]
}

function alwaysRestarts(spec: JsonRecord): readonly FieldError[] {
  return validateRestartPolicy(getRecord(spec, 'template', 'spec'), 'spec.template.spec.restartPolicy', [
    'Always',
  ])
}

function noDeadline(spec: JsonRecord, kind: string): readonly FieldError[] {
  if (getPath(spec, 'template', 'spec', 'activeDeadlineSeconds') === undefined) return []
  const detail = `activeDeadlineSeconds in ${kind} is not Supported`
  return [forbidden('spec.template.spec.activeDeadlineSeconds', detail)]
}

function validateStrategy(strategy: JsonRecord | undefined): readonly FieldError[] {
  const type = getString(strategy, 'type')
  const rolling = getRecord(strategy, 'rollingUpdate')
  const path = 'spec.strategy.rollingUpdate'
  if (type === 'Recreate') {
    return rolling ? [forbidden(path, "may not be specified when strategy `type` is 'Recreate'")] : []
  }
  if (type !== undefined && type !== 'RollingUpdate') {
    return [
      unsupported('spec.strategy', goForm(strategy, 'apps/v1.DeploymentStrategy'), [
        'Recreate',
        'RollingUpdate',
      ]),
    ]
  }
  if (!rolling) return []
  const [absence, surge] = [getPath(rolling, 'maxUnavailable'), getPath(rolling, 'maxSurge')]
  const isStuck = countOrPercent(absence) === 0 && countOrPercent(surge) === 0
  return [
    ...checkCountOrPercent(absence, `${path}.maxUnavailable`),
    ...checkCountOrPercent(surge, `${path}.maxSurge`),
    ...(isStuck ? [invalid(`${path}.maxUnavailable`, absence, 'may not be 0 when `maxSurge` is 0')] : []),
    ...checkAtMostAll(absence, `${path}.maxUnavailable`),
  ]
}

function validateDaemonStrategy(strategy: JsonRecord | undefined): readonly FieldError[] {
  const type = getString(strategy, 'type')
  if (type === undefined || type === 'OnDelete') return []
  if (type !== 'RollingUpdate') {
    const shown = goForm(strategy, 'apps/v1.DaemonSetUpdateStrategy')
    return [unsupported('spec.updateStrategy', shown, ['RollingUpdate', 'OnDelete'])]
  }
  const path = 'spec.updateStrategy.rollingUpdate'
  const rolling = getRecord(strategy, 'rollingUpdate')
  if (!rolling) return [required(path)]
  const [absence, surge] = [getPath(rolling, 'maxUnavailable'), getPath(rolling, 'maxSurge')]
  const errors = [
    ...checkCountOrPercent(absence, `${path}.maxUnavailable`),
    ...checkCountOrPercent(surge, `${path}.maxSurge`),
    ...checkAtMostAll(absence, `${path}.maxUnavailable`),
    ...checkAtMostAll(surge, `${path}.maxSurge`),
  ]
  const [hasAbsence, hasSurge] = [countOrPercent(absence) !== 0, countOrPercent(surge) !== 0]
  if (hasAbsence && hasSurge)
    errors.push(invalid(`${path}.maxSurge`, surge, 'may not be set when maxUnavailable is non-zero'))
  if (!hasAbsence && !hasSurge)
    errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  return errors
}

function validateStatefulStrategy(strategy: JsonRecord | undefined): readonly FieldError[] {
  const type = getString(strategy, 'type')
  const rolling = getRecord(strategy, 'rollingUpdate')
  const path = 'spec.updateStrategy.rollingUpdate'
  if (type === 'OnDelete') {
    const shown = goForm(rolling, 'apps/v1.RollingUpdateStatefulSetStrategy')
    return rolling ? [invalid(path, shown, "only allowed for updateStrategy 'RollingUpdate'")] : []
  }
  if (type !== undefined && type !== 'RollingUpdate') {
    const shown = goForm(strategy, 'apps/v1.StatefulSetUpdateStrategy')
    return [invalid('spec.updateStrategy', shown, "must be 'RollingUpdate' or 'OnDelete'")]
  }
  const absence = getPath(rolling, 'maxUnavailable')
  const at = `${path}.maxUnavailable`
  return [
    ...notNegative(getPath(rolling, 'partition'), `${path}.partition`),
    ...checkCountOrPercent(absence, at),
    ...(absence !== undefined && countOrPercent(absence) === 0 ? [invalid(at, absence, 'cannot be 0')] : []),
    ...checkAtMostAll(absence, at),
  ]
}

/** What a StatefulSet's pods are known by may not change; the list of claims is not printed. */
function validateStatefulUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const same = (field: string, shown: unknown) =>
    checkUnchanged(`spec.${field}`, { now: getPath(spec, field), before: getPath(old, field), shown })
  return [
    ...same('serviceName', getPath(spec, 'serviceName') ?? ''),
    ...same('selector', goForm(getPath(spec, 'selector'), SELECTOR)),
    ...same('volumeClaimTemplates', null),
    ...same('podManagementPolicy', getPath(spec, 'podManagementPolicy')),
  ]
}
