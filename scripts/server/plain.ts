import { BlockList, isIP } from 'node:net';
import { FirmwireError } from '../../core/errors.js';
import type { Settings } from '../config/schema.js';

/**
 * Who may do without TLS (`plain.allowed`, `plain.from`).
 * @throws FirmwireError `config_invalid` for what is no address
 */
export function plainRule({ plain }: Settings): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const entry of plain.from) add(list, entry);
  if (plain.allowed) return () => true;
  // BlockList knows ::ffff:192.168.1.7 for the IPv4 address that it is.
  return (address = '') => isIP(address) !== 0 && list.check(address, kindOf(address));
}

function add(list: BlockList, entry: string): void {
  const [address = '', prefix] = entry.split('/');
  try {
    if (isIP(address) === 0) throw new Error('no address');
    if (prefix === undefined) list.addAddress(address, kindOf(address));
    else list.addSubnet(address, Number(prefix), kindOf(address));
  } catch (cause) {
    throw new FirmwireError('config_invalid', `plain.from: ${entry} is no address and no network`, { cause });
  }
}

const kindOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
