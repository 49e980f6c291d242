/** The gRPC path of delta ADS. */
export const DELTA_ADS_PATH =
  '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'

/** Type URL of the details of a NACK (src/proto/lateen/xds.proto). */
export const REJECTION_TYPE_URL = 'type.googleapis.com/lateen.v1.ResourceRejection'
