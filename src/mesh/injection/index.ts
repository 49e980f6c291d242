/**
 * mesh/injection: how a pod gets its proxy. Pure: a pod and the mesh's settings in, a pod (or an AdmissionReview's
 * answer) out; injecting twice changes nothing. The parts of a proxy's pod are shared with the gateways that the control
 * plane deploys and that the installation brings.
 */
export { proxySettingsOf, type ProxySettingsSources } from './configuration.ts'
export {
  PROXY_SECURITY_CONTEXT,
  PROXY_UID,
  PROXY_VOLUMES,
  proxyContainer,
  proxyProbe,
  type WorkloadOwner,
} from './proxy-container.ts'
export { scopedProxyConfigs, settingsFor } from './proxy-config.ts'
export { discoveryAddress, IGNORED_NAMESPACES, istiodName, type ProxySettings } from './settings.ts'
export { PROMETHEUS_ANNOTATIONS } from './sidecar.ts'
export { type InjectionOutcome, reviewPod } from './webhook.ts'
export { annotatedProxyConfig } from './yaml-mapping.ts'
