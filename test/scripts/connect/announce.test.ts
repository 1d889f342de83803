import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Bonjour, type Service, type ServiceConfig } from 'bonjour-service';
import { expect } from 'chai';
import { MdnsAnnouncer, serviceOf } from '../../../scripts/connect/announce.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { Inbox } from '../../support/inbox.js';

const LOOPBACK = '127.0.0.1';
const PORTS = { httpPort: 7442, mqttPort: 1883 };

describe('the announcement of a gateway', () => {
  it('names the HTTP port, the MQTT port and a host that multicast DNS resolves', () => {
    expect(serviceOf(PORTS, 'attic.example.org')).to.deep.equal({
      name: 'Firmwire gateway on attic',
      type: 'thinx',
      protocol: 'tcp',
      host: 'attic.local',
      port: 7442,
      txt: { mqtt: '1883', http: '7442' },
      probe: false,
    });
  });

  describe('by multicast DNS, on the loopback', () => {
    let looking: Bonjour;
    let log: CollectingLog;
    beforeEach(() => {
      const options: Partial<ServiceConfig> & { bind: string; interface: string } = {
        bind: '0.0.0.0',
        interface: LOOPBACK,
      };
      looking = new Bonjour(options, () => {});
      log = new CollectingLog();
    });
    afterEach(() => looking.destroy());

    it('is found by _thinx._tcp, and is gone when the gateway ends', async () => {
      const announcer = new MdnsAnnouncer({ httpPort: 17442, mqttPort: 11883 }, log, LOOPBACK);
      const found = new Inbox<Service>();
      const gone = new Inbox<Service>();
      const browser = looking.find({ type: 'thinx' }, (service) => found.push(service));
      browser.on('down', (service: Service) => gone.push(service));
      const isOurs = ({ port }: Service): boolean => port === 17442;
      const service = await found.next('the gateway', isOurs);
      expect(service.fqdn).to.match(/^Firmwire gateway on .*\._thinx\._tcp\.local$/);
      expect(service.host).to.match(/\.local$/);
      expect(service.txt).to.deep.equal({ mqtt: '11883', http: '17442' });
      await announcer.close();
      await gone.next('its goodbye', isOurs);
      expect(log.lines).to.deep.equal([]);
    });
  });

  it('that cannot be made is told once, and harms nobody', async () => {
    const log = new CollectingLog();
    // Nobody else may have the port that multicast DNS uses.
    const other = createSocket({ type: 'udp4', reuseAddr: false });
    other.bind(5353, '0.0.0.0');
    await once(other, 'listening');
    const announcer = new MdnsAnnouncer(PORTS, log, LOOPBACK);
    while (log.lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await announcer.close();
    expect(log.lines.map(({ message }) => message)).to.deep.equal([
      'the gateway cannot be announced by mDNS',
    ]);
    other.close();
    await once(other, 'close');
  });
});
