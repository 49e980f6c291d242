/** WasmPlugin and TrafficExtension: code of users in the proxies. */
import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { ISTIO_EXTENSIONS_GROUP } from '../kinds.ts'
import { atMostOneOf, integer, keyedList, list, object, rule, string, word } from '../schema.ts'
import {
  ISTIO_KIND,
  onlyOneTarget,
  resource,
  targetReference,
  targetReferences,
  workloadMatchLabels,
} from './common.ts'

const EXTENSION_KIND = {
  ...ISTIO_KIND,
  group: ISTIO_EXTENSIONS_GROUP,
  categories: ['istio-io', 'extensions-istio-io'],
  versions: [{ name: 'v1alpha1', storage: true }],
  columns: [AGE_COLUMN],
} as const satisfies Partial<KindDefinition>

export const WASM_PLUGIN: KindDefinition = {
  ...EXTENSION_KIND,
  kind: 'WasmPlugin',
  plural: 'wasmplugins',
  schema: () =>
    resource(
      object(
        {
          ...wasmMembers(['', 'http', 'https', 'oci', 'file']),
          match: trafficMatch(),
          phase: word('UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'),
          priority,
          selector: workloadMatchLabels,
          targetRef: targetReference,
          targetRefs: targetReferences,
        },
        {
          required: ['url'],
          rules: [onlyOneTarget('selector', 'selector', 'targetRef', 'targetRefs')],
        },
      ),
      true,
    ),
}

export const TRAFFIC_EXTENSION: KindDefinition = {
  ...EXTENSION_KIND,
  kind: 'TrafficExtension',
  plural: 'trafficextensions',
  schema: () =>
    resource(
      object(
        {
          lua: object(
            { inlineCode: string({ minLength: 1, maxLength: 65_536 }) },
            { required: ['inlineCode'] },
          ),
          match: trafficMatch(),
          phase: word('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
          priority,
          selector: workloadMatchLabels,
          targetRefs: targetReferences,
          wasm: object(wasmMembers(['', 'http', 'https', 'file', 'oci']), { required: ['url'] }),
        },
        {
          ...atMostOneOf('wasm', 'lua'),
          rules: [
            onlyOneTarget('selector', 'selector', 'targetRefs'),
            rule('exactly one of wasm or lua must be set', 'has(self.wasm) != has(self.lua)'),
          ],
        },
      ),
      true,
    ),
}

const priority = integer({ format: 'int32', nullable: true })

function trafficMatch(): StructuralSchema {
  const port = object({ number: integer({ minimum: 1, maximum: 65_535 }) }, { required: ['number'] })
  return list(
    object({
      mode: word('UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER'),
      ports: keyedList('number', port),
    }),
  )
}

/** @param schemes of the module's URL, in the order of the published rule */
function wasmMembers(schemes: readonly string[]) {
  const known = `[${schemes.map((scheme) => `"${scheme}"`).join(', ')}]`
  return {
    failStrategy: word('FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'),
    imagePullPolicy: word('UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'),
    imagePullSecret: string({ minLength: 1, maxLength: 253 }),
    pluginConfig: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    pluginName: string({ minLength: 1, maxLength: 256 }),
    sha256: string({ pattern: '(^$|^[a-f0-9]{64}$)' }),
    type: word('UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK'),
    url: string({
      minLength: 1,
      rules: [
        rule(
          'url must have schema one of [http, https, file, oci]',
          `isURL(self) ? (url(self).getScheme() in ${known}) : (isURL("http://" + self) &&\n` +
            `url("http://" + self).getScheme() in ${known})`,
        ),
      ],
    }),
    verificationKey: string(),
    vmConfig: object({ env: keyedList('name', environmentVariable(), { maxItems: 256 }) }),
  } as const satisfies Readonly<Record<string, StructuralSchema>>
}

function environmentVariable(): StructuralSchema {
  return object(
    {
      name: string({ minLength: 1, maxLength: 256 }),
      value: string({ maxLength: 2048 }),
      valueFrom: word('INLINE', 'HOST'),
    },
    {
      required: ['name'],
      rules: [
        rule(
          'value may only be set when valueFrom is INLINE',
          '(has(self.valueFrom) ? self.valueFrom : "") != "HOST" || !has(self.value)',
        ),
      ],
    },
  )
}
