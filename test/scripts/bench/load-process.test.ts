import { expect } from 'chai';
import type { Bench } from '../../../scripts/bench/bench.js';
import type HttpFleet from '../../../scripts/bench/load/http-fleet.js';
import type Owner from '../../../scripts/bench/load/owner.js';
import { LoadProcess } from '../../../scripts/bench/load-process.js';
import { freePort } from '../../../scripts/bench/port.js';
import { newBench } from './harness.js';

/** The message with which it rejects. */
const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it did not reject',
    (error: Error) => error.message,
  );

describe('bench: the load process', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = newBench();
  });
  afterEach(() => bench.close());

  it("calls a method over there and brings back its result, or its error's text", async () => {
    const load = await LoadProcess.start<HttpFleet>(bench, 'http-fleet');
    await load.call('use', { owner: 'o', key: 'k', seed: 's', port: await freePort() });
    expect(await load.call('checkIns', 0, 0, 1)).to.include({ p50: 0, p99: 0 });
    // Nobody listens there.
    expect(await refusal(load.call('checkIns', 0, 1, 1))).to.match(/^Error: Status 0, 0 bytes: /);
  });

  it('rejects what waits when it ends, and what is asked afterwards', async () => {
    const load = await LoadProcess.start<Owner>(bench, 'owner');
    const waiting = [load.call('hears', { devices: 1 }), load.call('hears', { notices: 1 })].map(refusal);
    // It is waiting over there by now, too.
    await load.call('totals');
    await load.kill();
    for (const told of [...waiting, refusal(load.call('totals'))])
      expect(await told).to.equal('The load process has ended.');
  });

  it('can be killed twice', async () => {
    const load = await LoadProcess.start<Owner>(bench, 'owner');
    await load.kill();
    await load.kill();
    expect(await refusal(load.call('totals'))).to.equal('The load process has ended.');
  });
});
