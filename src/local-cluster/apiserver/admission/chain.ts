import { type Clock, type Random, randomIndex } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { sameJson } from '../json.ts'
import type { Authorizer } from '../auth/access.ts'
import { checkEscalation } from '../auth/escalation.ts'
import { applyServiceAccount, applyTolerations, checkNamespace } from './built-in.ts'
import { createEvaluator } from './evaluate.ts'
import { checkLimitRanges } from './limit-range-check.ts'
import { applyLimitRanges } from './limit-range.ts'
import { checkPolicies } from './policies.ts'
import { applyPriority, checkPriorityClass } from './priority.ts'
import { createReinvocation } from './reinvocation.ts'
import { chargeQuotas } from './resource-quota.ts'
import { applyStorage } from './storage.ts'
import type { Admission, MutationRequest } from './types.ts'
import { callMutatingWebhooks, callValidatingWebhooks, type WebhookDependencies } from './webhooks.ts'

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * The steps that every write goes through before it is stored, in Kubernetes' order: built-in plugins, mutating
 * webhooks, the plugins and the webhooks that want it once more when a webhook changed something; after
 * validation the validating webhooks and the quotas.
 */
export function createAdmission(
  options: Omit<WebhookDependencies, 'evaluator'> & {
    readonly random: Random
    readonly clock: Clock
    readonly authorizer: Authorizer
  },
): Admission {
  const { store, random, authorizer } = options
  const dependencies = { ...options, evaluator: createEvaluator(store, authorizer) }
  const suffix = () =>
    Array.from({ length: 5 }, () => SUFFIX_ALPHABET[randomIndex(random, SUFFIX_ALPHABET.length)]).join('')
  const applyPlugins = (request: MutationRequest): KubeObject => {
    const steps: readonly ((request: MutationRequest) => KubeObject)[] = [
      (next) => applyServiceAccount(store, next, suffix),
      (next) => applyLimitRanges(store, next),
      (next) => applyPriority(store, next),
      applyTolerations,
      (next) => applyStorage(store, next),
    ]
    return steps.reduce((object, step) => step({ ...request, object }), request.object)
  }
  return {
    async mutate(request) {
      checkNamespace(store, request)
      const reinvocation = createReinvocation()
      const object = applyPlugins(request)
      const first = await callMutatingWebhooks(dependencies, { ...request, object }, reinvocation)
      if (!reinvocation.startSecondRound()) return first
      const again = applyPlugins({ ...request, object: first })
      if (!sameJson(again, first)) reinvocation.changedBetween()
      return callMutatingWebhooks(dependencies, { ...request, object: again }, reinvocation)
    },
    async validate(request) {
      // An eviction has been admitted as such.
      if (request.operation === 'DELETE' && request.asked.path.subresource === 'eviction') return
      // A deletion has no object to change, but webhooks of the first kind may refuse it.
      if (!request.object) await callMutatingWebhooks(dependencies, request, createReinvocation())
      checkEscalation(store, authorizer, request)
      checkLimitRanges(store, request)
      checkPriorityClass(store, request)
      checkPolicies(dependencies, request)
      await callValidatingWebhooks(dependencies, request)
      // The last step: what it charges is used.
      await chargeQuotas(options, request)
    },
  }
}
