/**
 * standalone: one proxy on a plain host, with no cluster. The Gateway API's and Istio's YAML in files, checked against
 * the kinds' own schemas, translated by the mesh's own code, served by the same proxy. Files are read again when they
 * change, in a process that is there only then; what is bad in them is told by file, line and column, and the last good configuration goes on serving.
 */
export { ConfigurationError, type RestartOptions, type ServeOptions, serve } from './serve.ts'
export { checkLogFormat, parseCollector, type TelemetryOptions } from './mesh-config.ts'
