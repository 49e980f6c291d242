/**
 * mesh: the control plane. `istiod` runs it, `install` brings it into a cluster; `resources` and `translate`, which are
 * pure and serve other programs too, have their own doors.
 */
export {
  type Component,
  type Installation,
  type InstallationRequest,
  installMesh,
  type InstallOptions,
  type MeshVersion,
  meshVersion,
  planInstallation,
  type ProfileName,
  renderInstallation,
  type RenderedComponent,
  uninstallMesh,
  type UninstallOptions,
} from './install/index.ts'
export { ISTIOD_PORTS, type IstiodOptions, type IstiodPorts, runIstiod } from './istiod/index.ts'
export { DEFAULT_SETTINGS, type MeshSettings } from './translate/index.ts'
