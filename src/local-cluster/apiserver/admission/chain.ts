import { type Random, randomIndex } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { sameJson } from '../json.ts'
import type { Authorizer } from '../auth/access.ts'
import { checkEscalation } from '../auth/escalation.ts'
import { applyPodDefaults, applyServiceAccount, checkNamespace } from './built-in.ts'
import { createEvaluator } from './evaluate.ts'
import { applyLimitRanges, checkLimitRanges } from './limit-range.ts'
import { checkPolicies } from './policies.ts'
import { createReinvocation } from './reinvocation.ts'
import type { Admission, MutationRequest } from './types.ts'
import { callMutatingWebhooks, callValidatingWebhooks, type WebhookDependencies } from './webhooks.ts'

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * The steps that every write goes through before it is stored, in Kubernetes' order: built-in plugins, mutating
 * webhooks, the plugins and the webhooks that want it once more when a webhook changed something; after
 * validation the validating webhooks.
 */
export function createAdmission(
  options: Omit<WebhookDependencies, 'evaluator'> & {
    readonly random: Random
    readonly authorizer: Authorizer
  },
): Admission {
  const { store, random, authorizer } = options
  const dependencies = { ...options, evaluator: createEvaluator(store, authorizer) }
  const suffix = () =>
    Array.from({ length: 5 }, () => SUFFIX_ALPHABET[randomIndex(random, SUFFIX_ALPHABET.length)]).join('')
  const applyPlugins = (request: MutationRequest): KubeObject => {
    const withAccount = applyServiceAccount(store, request, suffix)
    const withLimits = applyLimitRanges(store, { ...request, object: withAccount })
    return applyPodDefaults({ ...request, object: withLimits })
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
      // A deletion has no object to change, but webhooks of the first kind may refuse it.
      if (!request.object) await callMutatingWebhooks(dependencies, request, createReinvocation())
      checkEscalation(store, authorizer, request)
      checkLimitRanges(store, request)
      checkPolicies(dependencies, request)
      await callValidatingWebhooks(dependencies, request)
    },
  }
}
