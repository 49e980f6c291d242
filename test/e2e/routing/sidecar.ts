import type { EchoMesh } from '../../support/echo/mesh.ts'
export function sidecarTests(_mesh: () => EchoMesh): void {}
