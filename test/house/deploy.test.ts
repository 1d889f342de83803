import { access, readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parse } from 'yaml';
import { settingKeys } from '../../scripts/config/keys.js';
import { defaultSettings, loadSettings } from '../../scripts/config/load.js';
import { CONFIG_VARIABLE } from '../../scripts/config/variables.js';
import { Metrics } from '../../scripts/server/metrics.js';

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
const read = (path: string): Promise<string> => readFile(at(path), 'utf8');

/** Settings of Redis, which another change brings: to be taken out of this list with it. */
const NOT_YET: readonly string[] = [];

interface Service {
  readonly environment?: Record<string, string>;
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: object;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly datasource?: { type: string; uid: string };
  readonly targets?: readonly { expr: string; datasource: { uid: string } }[];
}

/** Every metric of a real registry, and what kind it is. */
async function registered(): Promise<Map<string, string>> {
  const none = () => 0;
  const metrics = new Metrics(
    { version: '', storage: '', node: '' },
    {
      connectedDevices: none,
      connectedOwners: none,
      mqttConnections: none,
      activeDownloads: none,
      outboxQueue: none,
      storeIsOpen: () => true,
      certificateEnd: () => 0,
    },
  );
  const kinds = [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  metrics.close();
  return new Map(kinds.map(([, name = '', kind = '']) => [name, kind]));
}

/** The metrics that a PromQL text names; a histogram by any of its series. */
function namedIn(promql: string, metrics: ReadonlyMap<string, string>): string[] {
  const names = [...promql.matchAll(/\bfirmwire_\w+/g)].map(([name]) => name);
  return names.map((name) => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    return metrics.get(base) === 'histogram' ? base : name;
  });
}

/** The flags that Node is given before the program. */
const nodeFlags = (command: readonly string[]): readonly string[] =>
  command
    .slice(
      0,
      command.findIndex((word) => word.endsWith('firmwire.js')),
    )
    .filter((word) => word.startsWith('--'));

const isOfProcess = (name: string): boolean => /^firmwire_(process|nodejs)_/.test(name);

describe('files to run Firmwire with', () => {
  let metrics: Map<string, string>;
  before(async () => {
    metrics = await registered();
    expect(metrics.size).to.be.above(25);
  });

  describe('deploy/grafana-dashboard.json', () => {
    let dashboard: {
      schemaVersion: number;
      panels: Panel[];
      templating: { list: { name: string; type: string; query: unknown }[] };
    };
    before(async () => {
      dashboard = JSON.parse(await read('deploy/grafana-dashboard.json'));
    });
    const expressions = (): string[] =>
      dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

    it('names only metrics that there are', () => {
      const variables = dashboard.templating.list.map(({ query }) => JSON.stringify(query));
      const named = [...expressions(), ...variables].flatMap((text) => namedIn(text, metrics));
      expect(named).to.have.length.above(30);
      expect(named.filter((name) => !metrics.has(name))).to.deep.equal([]);
    });

    it('shows every metric of our own', () => {
      const shown = new Set(expressions().flatMap((text) => namedIn(text, metrics)));
      const own = [...metrics.keys()].filter((name) => !isOfProcess(name));
      expect(own.filter((name) => !shown.has(name))).to.deep.equal([]);
    });

    it('reads histograms by their buckets and counters as rates', () => {
      for (const expr of expressions())
        for (const [name] of expr.matchAll(/\bfirmwire_\w+/g)) {
          if (name.endsWith('_total')) expect(expr).to.match(/\b(rate|increase)\(/);
          if (metrics.get(name) === 'histogram') expect.fail(`${name} is no series: ${expr}`);
          if (name.endsWith('_bucket')) expect(expr).to.match(/^histogram_quantile\(0\.\d+, sum by \(le/);
        }
    });

    it('takes its data from the chosen source, in panels that do not overlap', () => {
      expect(dashboard.templating.list[0]).to.include({
        name: 'datasource',
        type: 'datasource',
        query: 'prometheus',
      });
      expect(dashboard.schemaVersion).to.be.within(38, 41);
      const taken = new Set<string>();
      for (const { id, type, gridPos, datasource, targets = [] } of dashboard.panels) {
        if (type !== 'row')
          for (const source of [datasource, ...targets.map((target) => target.datasource)])
            expect(source?.uid, `panel ${id}`).to.match(/^\$\{datasource\}$/);
        expect(gridPos.x + gridPos.w).to.be.at.most(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(taken.has(`${x}/${y}`), `panel ${id}`).to.equal(false);
            taken.add(`${x}/${y}`);
          }
      }
      expect(new Set(dashboard.panels.map(({ id }) => id)).size).to.equal(dashboard.panels.length);
    });
  });

  it('every variable they name is a setting', async () => {
    const known = new Set([...settingKeys().map(({ variable }) => variable), CONFIG_VARIABLE]);
    const files = ['compose.yaml', 'Dockerfile', 'firmwire.service'].map((name) => `deploy/${name}`);
    for (const file of [...files, 'docs/operations.md']) {
      const named = [...(await read(file)).matchAll(/\bFIRMWIRE_[A-Z_]+/g)].map(([name]) => name);
      const unknown = named.filter((name) => !known.has(name) && !NOT_YET.includes(name));
      expect(unknown, file).to.deep.equal([]);
    }
    expect(
      NOT_YET.filter((name) => known.has(name)),
      'is a setting now: take it out of NOT_YET',
    ).to.deep.equal([]);
  });

  describe('deploy/compose.yaml', () => {
    let services: Record<string, Service>;
    let nodes: string[];
    before(async () => {
      const compose = parse(await read('deploy/compose.yaml'), { merge: true });
      services = compose.services;
      nodes = Object.keys(services).filter((name) => name.startsWith('node'));
    });

    it('has three nodes whose settings are accepted, with time to drain', async () => {
      expect(nodes).to.deep.equal(['node1', 'node2', 'node3']);
      for (const node of nodes) {
        const { environment = {}, stop_grace_period = '', volumes = [] } = services[node] ?? {};
        const given = Object.entries(environment).filter(([name]) => !NOT_YET.includes(name));
        const settings = await loadSettings({ file: false, env: Object.fromEntries(given) });
        expect(Number.parseInt(stop_grace_period, 10)).to.be.above(settings.shutdown.drainSeconds + 10);
        expect(volumes).to.have.members([`${node}:/data`, 'firmware:/data/firmware']);
      }
    });

    it('only the first node may be there first: it makes the owner', () => {
      const waitsFor = (node: string): string[] => Object.keys(services[node]?.depends_on ?? {});
      expect(nodes.map(waitsFor)).to.deep.equal([['redis'], ['redis', 'node1'], ['redis', 'node1']]);
    });

    it('has a balancer that knows the nodes, their ports and what to ask them', async () => {
      const text = await read('deploy/haproxy.cfg');
      const { mqtt, http } = defaultSettings();
      const servers = [...text.matchAll(/^ {4}server (\w+) (\w+):(\d+)$/gm)].map(([, name, host, port]) => [
        name,
        host,
        Number(port),
      ]);
      const expected = [mqtt.port, http.port].flatMap((port) => nodes.map((node) => [node, node, port]));
      expect(servers).to.deep.equal(expected);
      expect(services['balancer']?.ports).to.deep.equal([mqtt, http].map(({ port }) => `${port}:${port}`));
      expect(text).to.include('uri /ready ').and.to.include(`check port ${http.port} `);
    });
  });

  it('deploy/Dockerfile copies what there is, and runs as nobody special', async () => {
    const [text, ignored] = await Promise.all([
      read('deploy/Dockerfile'),
      read('deploy/Dockerfile.dockerignore'),
    ]);
    const allowed = [...ignored.matchAll(/^!(\S+)$/gm)].map(([, path = '']) => path);
    for (const path of allowed) await access(at(path));
    const { include } = JSON.parse(await read('tsconfig.json'));
    expect(allowed).to.include.members(include.filter((folder: string) => folder !== 'test'));
    for (const [, from = ''] of text.matchAll(/--from=build \/app\/(\S+)/g)) await access(at(from));
    expect(text)
      .to.match(/^USER node$/m)
      .and.to.include('/ready');
    const { mqtt, http } = defaultSettings();
    expect(text).to.include(`EXPOSE ${mqtt.port} ${http.port}`);
  });

  it('start Node with the same flags, which docs/operations.md explains', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: { start: string } };
    const [, image = ''] = /^CMD (\[.*serve"\])$/m.exec(await read('deploy/Dockerfile')) ?? [];
    const [, service = ''] = /^ExecStart=(.*)$/m.exec(await read('deploy/firmwire.service')) ?? [];
    const flags = nodeFlags(scripts.start.split(' '));
    expect(flags).to.have.length.above(0);
    expect(nodeFlags(JSON.parse(image))).to.deep.equal(flags);
    expect(nodeFlags(service.split(' '))).to.deep.equal(flags);
    const text = await read('docs/operations.md');
    expect(text).to.contain(`start Node with \`${flags.join(' ')}\``);
    expect(text).to.contain(`NODE_OPTIONS="${flags.join(' ')}"`);
  });

  it('deploy/firmwire.service gives it time to drain, room for connections and no more rights than it needs', async () => {
    const lines = (await read('deploy/firmwire.service')).split('\n');
    const values = new Map(
      lines
        .filter((line) => /^\w+=/.test(line))
        .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
    );
    expect(Number(values.get('TimeoutStopSec'))).to.be.above(defaultSettings().shutdown.drainSeconds + 10);
    expect(Object.fromEntries(values)).to.include({
      DynamicUser: 'yes',
      StateDirectory: 'firmwire',
      ProtectSystem: 'strict',
      NoNewPrivileges: 'yes',
      LimitNOFILE: '1048576',
      EnvironmentFile: '-/etc/firmwire/firmwire.env',
      CapabilityBoundingSet: '',
    });
    expect(values.has('MemoryDenyWriteExecute'), 'V8 would not start').to.equal(false);
    expect(values.get('Environment')).to.include('FIRMWIRE_DATA=/var/lib/firmwire');
  });

  describe('docs/operations.md', () => {
    let text: string;
    before(async () => {
      text = await read('docs/operations.md');
    });

    it('lists every metric of our own with its kind, and no other', () => {
      const listed = [...text.matchAll(/^\| `(firmwire_\w+)` +\| (\w+) +\|/gm)].map(([, name, kind]) => [
        name,
        kind,
      ]);
      const own = [...metrics].filter(([name]) => !isOfProcess(name));
      expect(Object.fromEntries(listed)).to.deep.equal(Object.fromEntries(own));
    });

    it('its alerts name only metrics that there are', () => {
      const [, alerts = ''] = /```promql\n([\s\S]*?)```/.exec(text) ?? [];
      const named = namedIn(alerts, metrics);
      expect(named).to.have.length.above(5);
      expect(named.filter((name) => !metrics.has(name))).to.deep.equal([]);
    });

    it('every line of the log that it lists is one that is written, at that level', async () => {
      const files = [
        'broker/attach.ts',
        'broker/listener.ts',
        'broker/nodes/redis-lease.ts',
        'broker/storage/redis/link.ts',
        'core/nodes/peers.ts',
        'core/services/conversation.ts',
        'core/services/housekeeping.ts',
        'core/services/registry.ts',
        'http-fallback/api/firmware.ts',
        'http-fallback/api/keys.ts',
        'http-fallback/api/signers.ts',
        'http-fallback/device/failure.ts',
        'http-fallback/device/hand-over.ts',
        'http-fallback/device/transmitter.ts',
        'http-fallback/failures.ts',
        'http-fallback/relay/relayed.ts',
        'plugins/availability.ts',
        'scripts/serve.ts',
        'scripts/server/firmwire.ts',
        'scripts/server/limit-watch.ts',
        'scripts/server/running.ts',
      ];
      const source = (await Promise.all(files.map(read))).join('\n');
      const rows = [...text.matchAll(/^\| (debug|info|warn|error) +\| (.*?) +\|/gm)];
      const listed = rows.flatMap(([, level = '', lines = '']) =>
        [...lines.matchAll(/`([^`]+)`/g)].map(([, line = '']) => ({ level, line })),
      );
      expect(listed).to.have.length.above(20);
      for (const { level, line } of listed) {
        // As an argument: the same word may be a value elsewhere.
        const before = source.slice(
          0,
          source.search(new RegExp(`[,?:]\\s*'${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}'`)),
        );
        expect(before.length, line).to.be.below(source.length - 1);
        expect(/log\.(\w+)\((?![\s\S]*log\.\w+\()/.exec(before)?.[1], line).to.equal(level);
      }
    });
  });
});
