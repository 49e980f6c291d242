import type { EchoMesh } from '../../support/echo/mesh.ts'
export function virtualServiceTests(_mesh: () => EchoMesh): void {}
