/**
 * mesh/install: the mesh as an installation: profiles and settings become Kubernetes objects (pure), which are applied,
 * awaited and removed again, with Istio's names and istioctl's words.
 */
export { installMesh, type InstallOptions } from './install.ts'
export { type Installation, type InstallationRequest, planInstallation } from './installation.ts'
export { parseOperatorFile } from './operator-file.ts'
export type { Component, ProfileName } from './profile.ts'
export { renderInstallation, type RenderedComponent } from './render.ts'
export type { SettingTree } from './settings.ts'
export { uninstallMesh, type UninstallOptions } from './uninstall.ts'
export { type MeshVersion, meshVersion } from './version.ts'
