import type { EchoMesh } from '../../support/echo/mesh.ts'
export function httpRouteFilterTests(_mesh: () => EchoMesh): void {}
