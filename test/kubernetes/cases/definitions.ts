import { replacing } from '../normalise.ts'
import { each, group, type Group, k } from '../table.ts'

/** A definition of two served versions, which differ in their defaults, columns and rules. */
const PARCEL = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: parcels.post.example.com}
spec:
  group: post.example.com
  scope: Namespaced
  names: {plural: parcels, singular: parcel, kind: Parcel, listKind: ParcelList, shortNames: [pa, pcl], categories: [all, mail]}
  versions:
  - name: v2
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.count, statusReplicasPath: .status.count}}
    selectableFields: [{jsonPath: .spec.city}, {jsonPath: .spec.fragile}]
    additionalPrinterColumns:
    - {name: City, type: string, jsonPath: .spec.city, description: where it goes}
    - {name: Grams, type: integer, format: int64, jsonPath: .spec.grams}
    - {name: Sent, type: date, jsonPath: .status.sent}
    - {name: Stamps, type: string, jsonPath: ".spec.stamps[*].name", priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            default: {}
            properties:
              city: {type: string, default: Rome, maxLength: 10}
              grams: {type: integer, format: int64, default: 100, x-kubernetes-validations: [{rule: "self >= oldSelf", message: it may not get lighter}]}
              fragile: {type: boolean}
              count: {type: integer}
              stamps:
                type: array
                maxItems: 10
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name, country]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string, maxLength: 10}, country: {type: string, default: IT}, cents: {type: integer, x-kubernetes-validations: [{rule: self == oldSelf, message: a stamp keeps its price}]}}
              marks: {type: array, x-kubernetes-list-type: set, items: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: integer}}}}
          status:
            type: object
            default: {phase: New}
            properties: {phase: {type: string, default: New}, sent: {type: string, format: date-time}, count: {type: integer}, note: {type: object, properties: {by: {type: string, default: nobody}}}}
  - name: v1
    served: true
    storage: false
    deprecated: true
    additionalPrinterColumns: [{name: Weight, type: number, jsonPath: .spec.grams}]
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {city: {type: string, default: Bonn}, grams: {type: integer}}}}
`
const parcel = (name: string, spec: string, version = 'v2') =>
  `apiVersion: post.example.com/${version}\nkind: Parcel\nmetadata: {name: ${name}}\nspec: ${spec}\n`

/** Another definition that wants the same kind and short name. */
const RIVAL = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: packages.post.example.com}
spec:
  group: post.example.com
  scope: Namespaced
  names: {plural: packages, singular: package, kind: Parcel, listKind: PackageList, shortNames: [pcl, pkg]}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

const CRD = 'crd parcels.post.example.com'
const CONDITIONS =
  '-o jsonpath={.status.conditions[*].type}={.status.conditions[*].status}={.status.conditions[*].reason}'
const json = (value: unknown) => JSON.stringify(value)
const crdWith = (change: (text: string) => string) =>
  change(PARCEL).replaceAll('parcel', 'letter').replaceAll('Parcel', 'Letter')
const uids = { normalise: [replacing(/uid: \S+/g, 'uid: <uid>')] }

/** Definitions over their life: versions, changes, conflicts of names, deletion. */
export const DEFINITIONS: readonly Group[] = [
  group('definitions', [
    k('create -f -', PARCEL),
    k(`wait ${CRD} --for=condition=Established --timeout=10s`),
    k(`get ${CRD} -o jsonpath={.status.storedVersions}{.status.acceptedNames}`),
    k('api-resources --api-group=post.example.com -o wide'),
    k('create -f -', parcel('empty', '{}')),
    k('create -f -', 'apiVersion: post.example.com/v2\nkind: Parcel\nmetadata: {name: bare}\n'),
    k('get parcel empty bare -o yaml', undefined, uids),
    k('create -f -', parcel('old', '{grams: 5}', 'v1')),
    k('get parcels.v2.post.example.com old -o yaml', undefined, uids),
    k('get parcels.v1.post.example.com old -o yaml', undefined, uids),
    k('get parcels.v1.post.example.com'),
    k('get pcl'),
    k('get parcels -o wide'),
    k('get mail'),
    k('get parcels --field-selector spec.city=Rome -o name'),
    k('get parcels --field-selector spec.city!=Rome,metadata.name=old -o name'),
    k('get parcels --field-selector spec.fragile=false -o name'),
    k('get parcels --field-selector spec.grams=5 -o name'),
    k('get parcels.v1.post.example.com --field-selector spec.city=Rome -o name'),
    k('scale parcel empty --replicas=2'),
    k('scale parcel empty --replicas=3 --current-replicas=1'),
    k('get parcel empty --subresource=scale -o yaml', undefined, uids),
    k(
      `patch parcel empty --subresource=status --type=merge -p '${json({ status: { note: {} } })}' -o jsonpath={.status}`,
    ),
    k(
      `patch parcel empty --subresource=status --type=merge -p '${json({ status: null })}' -o jsonpath={.status}`,
    ),
    k(
      `patch parcel empty --subresource=status --type=merge -p '${json({ status: { sent: 'now', count: 'x' } })}'`,
    ),
    ...each('apply -f -', {
      'lighter than before': parcel('empty', '{grams: 50}'),
      'heavier than before': parcel('empty', '{grams: 150, stamps: [{name: a, cents: 5}]}'),
      'another price': parcel('empty', '{grams: 150, stamps: [{name: a, cents: 6}]}'),
      'a second stamp': parcel('empty', '{grams: 150, stamps: [{name: b, cents: 6}, {name: a, cents: 5}]}'),
      'the same stamp twice': parcel(
        'empty',
        '{grams: 150, stamps: [{name: a, cents: 5}, {name: a, country: IT}]}',
      ),
      'stamps of two countries': parcel(
        'empty',
        '{grams: 150, stamps: [{name: a, cents: 5}, {name: a, country: DE}]}',
      ),
      'the same mark twice': parcel('empty', '{grams: 150, marks: [{a: 1}, {a: 1}]}'),
      'a city too long': parcel('long', '{city: Constantinople}'),
    }),
    k('create -f -', parcel('far', '{city: Alexandria}')),
    k(
      `patch ${CRD} --type=json -p '${json([{ op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/city/maxLength', value: 5 }])}'`,
    ),
    k(`patch parcel far --type=merge -p '${json({ spec: { grams: 200 } })}'`),
    k(`patch parcel far --type=merge -p '${json({ spec: { city: 'Barcelona' } })}'`),
    k(`patch parcel far --type=merge -p '${json({ spec: { city: 'Paris' } })}'`),
    k(
      `patch ${CRD} --type=json -p '${json([{ op: 'replace', path: '/spec/versions/1/served', value: false }])}'`,
    ),
    k('get parcels.v1.post.example.com'),
    k('create -f -', parcel('late', '{}', 'v1'), { name: 'create in a version that is served no more' }),
    k(
      `patch ${CRD} --type=json -p '${json([
        { op: 'replace', path: '/spec/versions/1/storage', value: true },
        { op: 'replace', path: '/spec/versions/0/storage', value: false },
      ])}'`,
    ),
    k(`get ${CRD} -o jsonpath={.status.storedVersions}`),
    k(`patch ${CRD} --type=json -p '${json([{ op: 'remove', path: '/spec/versions/0' }])}'`, undefined, {
      normalise: [replacing(/Invalid value: \[\{.*?\}\]: (must)/g, 'Invalid value: <versions>: $1')],
    }),
    k(`patch ${CRD} --type=json -p '${json([{ op: 'replace', path: '/spec/scope', value: 'Cluster' }])}'`),
    k(`patch ${CRD} --type=merge -p '${json({ spec: { names: { kind: 'Packet' } } })}'`),
    k(`patch ${CRD} --type=merge -p '${json({ spec: { names: { plural: 'packets' } } })}'`),
    k('create -f -', RIVAL),
    k('get crd packages.post.example.com', undefined, { name: 'wait a moment' }),
    k('wait crd packages.post.example.com --for=condition=NamesAccepted=False --timeout=10s'),
    k(`get crd packages.post.example.com ${CONDITIONS}`),
    k('get crd packages.post.example.com -o jsonpath={.status.conditions[*].message}'),
    k('get packages'),
    k(
      `patch crd packages.post.example.com --type=merge -p '${json({ spec: { names: { kind: 'Package', shortNames: ['pkg'] } } })}'`,
    ),
    k('wait crd packages.post.example.com --for=condition=Established --timeout=10s'),
    k(`get crd packages.post.example.com ${CONDITIONS}`),
    k('get pkg'),
    k('delete crd packages.post.example.com --timeout=20s'),
    ...each('create -f - --dry-run=server', {
      'an upper-case plural': crdWith((text) => text.replace('plural: parcels', 'plural: Parcels')),
      'no versions': crdWith((text) => text.replace(/versions:[^]*$/, 'versions: []\n')),
      'versions of one name': crdWith((text) => text.replace('name: v1\n', 'name: v2\n')),
      'an odd version': crdWith((text) => text.replace('name: v1\n', 'name: 1.0\n')),
      'no kind': crdWith((text) => text.replace('kind: Parcel, ', '')),
      'an odd scope': crdWith((text) => text.replace('scope: Namespaced', 'scope: World')),
      'a column without a path': crdWith((text) => text.replace(', jsonPath: .spec.grams}]', '}]')),
      'a column of no type': crdWith((text) =>
        text.replace('name: Weight, type: number', 'name: Weight, type: weight'),
      ),
      'a scale without a path': crdWith((text) => text.replace('specReplicasPath: .spec.count, ', '')),
      'a scale with an odd path': crdWith((text) => text.replace('.spec.count,', '.metadata.count,')),
      'a warning without deprecation': crdWith((text) =>
        text.replace('deprecated: true', 'deprecationWarning: x'),
      ),
      'a map without keys': crdWith((text) =>
        text.replace('x-kubernetes-list-map-keys: [name, country]', ''),
      ),
      'a set of objects': crdWith((text) => text.replace('x-kubernetes-map-type: atomic, ', '')),
      'properties and additional ones': crdWith((text) =>
        text.replace(
          'city: {type: string',
          'odd: {type: object, properties: {a: {type: string}}, additionalProperties: {type: string}}\n              city: {type: string',
        ),
      ),
      'a bad pattern': crdWith((text) => text.replace('maxLength: 10}\n', 'pattern: "("}\n')),
      'a default of another type': crdWith((text) => text.replace('default: 100', 'default: many')),
      'a default without a type': crdWith((text) =>
        text.replace('fragile: {type: boolean}', 'fragile: {default: true}'),
      ),
      'items without a schema': crdWith((text) =>
        text.replace('fragile: {type: boolean}', 'fragile: {type: array}'),
      ),
      'an unknown type': crdWith((text) =>
        text.replace('fragile: {type: boolean}', 'fragile: {type: maybe}'),
      ),
      'unique items': crdWith((text) =>
        text.replace(
          'fragile: {type: boolean}',
          'fragile: {type: array, uniqueItems: true, items: {type: string}}',
        ),
      ),
      'a selectable list': crdWith((text) =>
        text.replace('{jsonPath: .spec.fragile}', '{jsonPath: .spec.stamps}'),
      ),
      'a selectable nothing': crdWith((text) =>
        text.replace('{jsonPath: .spec.fragile}', '{jsonPath: .spec.nothing}'),
      ),
      'a rule of no truth': crdWith((text) =>
        text.replace(
          'fragile: {type: boolean}',
          'fragile: {type: boolean, x-kubernetes-validations: [{rule: "size(string(self))"}]}',
        ),
      ),
      'a rule about nothing': crdWith((text) =>
        text.replace(
          'fragile: {type: boolean}',
          'fragile: {type: boolean, x-kubernetes-validations: [{rule: "self == other"}]}',
        ),
      ),
      'a rule about a field of an item': crdWith((text) =>
        text.replace(
          'maxItems: 10\n',
          'maxItems: 10\n                x-kubernetes-validations: [{rule: "self.all(stamp, stamp.price > 1)"}]\n',
        ),
      ),
      'a rule without words': crdWith((text) => text.replace('"self >= oldSelf"', '""')),
      'a webhook without one': crdWith((text) =>
        text.replace('  scope:', '  conversion: {strategy: Webhook}\n  scope:'),
      ),
      'an odd conversion': crdWith((text) =>
        text.replace('  scope:', '  conversion: {strategy: Odd}\n  scope:'),
      ),
      'unknown fields preserved': crdWith((text) =>
        text.replace('  scope:', '  preserveUnknownFields: true\n  scope:'),
      ),
    }),
    k(`patch parcel old --type=merge -p '${json({ metadata: { finalizers: ['example.com/hold'] } })}'`),
    k(`delete ${CRD} --wait=false`),
    k(`wait ${CRD} --for=condition=Terminating --timeout=10s`),
    k('create -f -', parcel('new', '{}'), { name: 'create while the definition goes' }),
    k(`get ${CRD} -o jsonpath={.metadata.finalizers}`),
    k(`get ${CRD} ${CONDITIONS}`),
    k('get parcels -o name'),
    k(`patch parcel old --type=merge -p '${json({ metadata: { finalizers: null } })}'`),
    // Whether it is still there when one begins to wait is a matter of speed.
    k(`wait ${CRD} --for=delete --timeout=20s`, undefined, { normalise: [replacing(/\nstdout[^]*/g, '')] }),
    k('get parcels'),
  ]),
]
