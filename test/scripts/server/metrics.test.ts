import { expect } from 'chai';
import { Metrics } from '../../../scripts/server/metrics.js';

describe('the metrics', () => {
  const now = { devices: 0, owners: 0, connections: 0, downloads: 0, queue: 0, isOpen: true, end: 0 };
  let metrics: Metrics;
  beforeEach(() => {
    Object.assign(now, {
      devices: 3,
      owners: 1,
      connections: 5,
      downloads: 2,
      queue: 7,
      isOpen: true,
      end: 90_000,
    });
    metrics = new Metrics(
      { version: '1.2.3', storage: 'embedded', node: 'n-1' },
      {
        connectedDevices: () => now.devices,
        connectedOwners: () => now.owners,
        mqttConnections: () => now.connections,
        activeDownloads: () => now.downloads,
        outboxQueue: () => now.queue,
        storeIsOpen: () => now.isOpen,
        certificateEnd: () => now.end,
      },
    );
  });
  afterEach(() => metrics.close());

  /** The samples as they are read, by name and labels. */
  const read = async (): Promise<Record<string, number>> => {
    const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return Object.fromEntries(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at).replace(/^firmwire_/, ''), Number(line.slice(at + 1))];
      }),
    );
  };

  it('all begin with firmwire_, and each says what it is', async () => {
    const text = await metrics.text();
    for (const name of metrics.names) {
      expect(name).to.match(/^firmwire_[a-z0-9_]+$/);
      expect(text).to.match(new RegExp(`^# HELP ${name} \\S.*`, 'm'));
    }
    expect(metrics.names).to.have.length.above(25);
    expect(metrics.contentType).to.match(/^text\/plain; version=0\.0\.4/);
  });

  it('gauges are looked at when they are read', async () => {
    expect(await read()).to.include({
      connected_devices: 3,
      connected_owners: 1,
      mqtt_connections: 5,
      downloads_active: 2,
      outbox_queue: 7,
      store_state: 1,
      certificate_not_after_seconds: 90,
      'info{version="1.2.3",storage="embedded",node="n-1"}': 1,
    });
    Object.assign(now, { devices: 4, isOpen: false });
    expect(await read()).to.include({ connected_devices: 4, store_state: 0 });
  });

  it('counters begin at zero, so that the first event is seen as one', async () => {
    expect(await read()).to.include({
      'connections_refused_total{why="plain"}': 0,
      'check_ins_total{via="mqtt"}': 0,
      'check_ins_total{via="http"}': 0,
      'offers_total{consent="requested"}': 0,
      'tokens_total{outcome="refused"}': 0,
      'downloads_total{outcome="failed"}': 0,
      download_bytes_total: 0,
      push_seconds_count: 0,
    });
  });

  it('count what happens, however often they are read', async () => {
    metrics.checkedIn('mqtt');
    metrics.checkedIn('mqtt');
    metrics.checkedIn('http');
    metrics.offered('forced');
    metrics.token('completed');
    metrics.sent(1000);
    metrics.sent(24);
    metrics.downloaded('broken', 2400);
    await read();
    metrics.checkedIn('mqtt');
    expect(await read()).to.include({
      'check_ins_total{via="mqtt"}': 3,
      'check_ins_total{via="http"}': 1,
      'offers_total{consent="forced"}': 1,
      'tokens_total{outcome="completed"}': 1,
      download_bytes_total: 1024,
      'downloads_total{outcome="broken"}': 1,
      'downloads_total{outcome="completed"}': 0,
      'download_seconds_bucket{le="1"}': 0,
      'download_seconds_bucket{le="2.5"}': 1,
      download_seconds_sum: 2.4,
    });
  });

  it('a push is counted in seconds, and a clock that was set back is no negative time', async () => {
    metrics.pushed(3);
    metrics.pushed(-5000);
    expect(await read()).to.include({
      'push_seconds_bucket{le="0.001"}': 1,
      'push_seconds_bucket{le="0.005"}': 2,
      push_seconds_sum: 0.003,
    });
  });

  it('HTTP answers are counted by method, route and status', async () => {
    metrics.answered('GET', '/api/v1/devices/:udid', 200, 12);
    metrics.answered('GET', '/api/v1/devices/:udid', 404, 1);
    metrics.answered('PATCH', '/api/v1/devices/:udid', 200, 1);
    const [one, route] = ['method="GET",', 'route="/api/v1/devices/:udid"'];
    expect(await read()).to.include({
      [`http_requests_total{${one}${route},status="200"}`]: 1,
      [`http_requests_total{${one}${route},status="404"}`]: 1,
      [`http_requests_total{method="PATCH",${route},status="200"}`]: 1,
      [`http_request_seconds_count{${one}${route}}`]: 2,
      [`http_request_seconds_bucket{le="0.01",${one}${route}}`]: 1,
    });
  });

  it('the lag of the event loop is how late it was, not its rhythm', async () => {
    const turn = () => new Promise((resolve) => setTimeout(resolve, 50));
    await turn();
    const begun = Date.now();
    while (Date.now() < begun + 300);
    await turn();
    const lag = (await read())['event_loop_lag_seconds{quantile="1"}'];
    expect(lag).to.be.within(0.25, 5);
    await turn();
    await read();
    expect((await read())['event_loop_lag_seconds{quantile="0.5"}'], 'begins anew').to.equal(0);
  });

  it('do not list every open connection at each reading', () => {
    expect(
      metrics.names.filter((name) => /open_fds|_active_(handles|resources|requests)/.test(name)),
    ).to.deep.equal([]);
    expect(metrics.names).to.include.members([
      'firmwire_process_resident_memory_bytes',
      'firmwire_process_cpu_seconds_total',
      'firmwire_nodejs_heap_size_used_bytes',
      'firmwire_nodejs_gc_duration_seconds',
    ]);
  });

  it('a closed one holds nothing', async () => {
    metrics.close();
    expect(await metrics.text()).to.equal('\n');
  });
});
