import { expect } from 'chai';
import { CountingLimitWatch } from '../../../scripts/server/limit-watch.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { CountingTelemetry } from '../../support/counting-telemetry.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('the watch of limits', () => {
  it('counts every time, and tells the log once in ten seconds, with how many more there were', () => {
    const [telemetry, log, clock] = [new CountingTelemetry(), new CollectingLog(), new FakeClock()];
    const watch = new CountingLimitWatch(telemetry, log, clock);
    const said = () => log.lines.map(({ level, facts }) => ({ level, ...facts }));
    watch.reached('queue', { clientId: 'a' });
    watch.reached('queue', { clientId: 'b' });
    watch.reached('topic', { clientId: 'c' });
    clock.advance(9_999);
    watch.reached('queue', { clientId: 'd' });
    clock.advance(1);
    watch.reached('queue', { clientId: 'e' });
    expect(said()).to.deep.equal([
      { level: 'warn', limit: 'queue', clientId: 'a' },
      { level: 'warn', limit: 'topic', clientId: 'c' },
      { level: 'warn', limit: 'queue', clientId: 'e', more: 2 },
    ]);
    expect(telemetry.counts).to.deep.equal({ 'limit queue': 4, 'limit topic': 1 });
  });
});
