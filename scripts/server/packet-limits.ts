import type { PacketLimits } from '../../broker/packet-limit.js';
import type { LimitWatch } from '../../core/limits.js';
import type { Settings } from '../config/schema.js';

/** How large a packet may be, before and after its sender is known. */
export const packetLimits = ({ mqtt }: Settings, watch: LimitWatch): PacketLimits => ({
  first: mqtt.maxConnectBytes,
  later: mqtt.maxPacketBytes,
  watch,
});
