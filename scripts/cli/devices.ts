import type { Command } from 'commander';
import type { DeviceView } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { printJson, time } from './text.js';

/** As many as the server hands out at once at most. */
const PAGE_SIZE = 500;

const HEADER: Row = ['ALIAS', 'UDID', 'PLATFORM', 'VERSION', 'ONLINE', 'UPDATE', 'WHY'];

const yesOrNo = (flag: boolean): string => (flag ? 'yes' : 'no');

/** `downloading 40%`: the percentage says something only while it moves. */
function updateState({ update }: DeviceView): string | undefined {
  if (!update) return undefined;
  return update.state === 'downloading' ? `${update.state} ${update.progress}%` : update.state;
}

const rowOf = (device: DeviceView): Row => [
  device.alias,
  device.udid,
  device.platform,
  device.version,
  yesOrNo(device.online),
  updateState(device),
  device.why.sentence,
];

const factsOf = (device: DeviceView): Row[] => [
  ['alias', device.alias],
  ['udid', device.udid],
  ['mac', device.mac],
  ['platform', device.platform],
  ['version', device.version],
  ['auto update', yesOrNo(device.autoUpdate)],
  ['online', yesOrNo(device.online)],
  ['last seen', time(device.lastSeen)],
  ['tags', device.tags.join(', ')],
  ['update', updateState(device)],
  ['update version', device.update?.version],
  ['update error', device.update?.error],
  ['why', device.why.sentence],
];

async function listAll(cli: Cli, options: ServerOptions): Promise<void> {
  const devices: DeviceView[] = [];
  const api = await connect(cli, options);
  for await (const device of api.devices(PAGE_SIZE)) devices.push(device);
  if (options.json) printJson(cli.out, { devices });
  else cli.out.write(devices.length > 0 ? table([HEADER, ...devices.map(rowOf)]) : 'No devices yet.\n');
}

async function showOne(cli: Cli, udid: string, options: ServerOptions): Promise<void> {
  const device = await (await connect(cli, options)).device(udid);
  if (options.json) printJson(cli.out, { device });
  else cli.out.write(table(factsOf(device)));
}

/** `firmwire devices` */
export function addDevices(program: Command, cli: Cli): void {
  withServerOptions(program.command('devices'))
    .description('list the devices, or tell all about one of them')
    .argument('[udid]', 'the device to tell about')
    .action((udid: string | undefined, options: ServerOptions) =>
      udid === undefined ? listAll(cli, options) : showOne(cli, udid, options),
    );
}
