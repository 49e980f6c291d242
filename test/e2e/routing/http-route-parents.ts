import type { EchoMesh } from '../../support/echo/mesh.ts'
export function httpRouteParentTests(_mesh: () => EchoMesh): void {}
