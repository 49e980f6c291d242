/**
 * Routing, proved through real proxies: a gateway of each API, sidecars, and an application that tells what reached
 * it. One cluster for the whole file; every test has a host name of its own, so that none is in another's way.
 */
import { after, before } from 'node:test'
import { type EchoMesh, startEchoMesh } from '../support/echo/mesh.ts'
import { httpRouteFilterTests } from './routing/http-route-filters.ts'
import { httpRouteMatchTests } from './routing/http-route-matches.ts'
import { httpRouteParentTests } from './routing/http-route-parents.ts'
import { httpRouteStatusTests } from './routing/http-route-status.ts'
import { serviceEntryTests } from './routing/service-entries.ts'
import { serviceRouteTests } from './routing/service-routes.ts'
import { sidecarTests } from './routing/sidecar.ts'
import { virtualServiceMatchTests } from './routing/virtual-service-matches.ts'
import { virtualServiceScopeTests } from './routing/virtual-service-scopes.ts'
import { virtualServiceTests } from './routing/virtual-service.ts'

let mesh: EchoMesh
before(async () => {
  mesh = await startEchoMesh()
})
after(() => mesh?.cluster.stop())

const ready = () => mesh
httpRouteMatchTests(ready)
httpRouteFilterTests(ready)
httpRouteParentTests(ready)
httpRouteStatusTests(ready)
virtualServiceMatchTests(ready)
virtualServiceTests(ready)
virtualServiceScopeTests(ready)
sidecarTests(ready)
serviceRouteTests(ready)
serviceEntryTests(ready)
