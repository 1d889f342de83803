/**
 * Bare Aedes in memory: no rights, no records. Its argument is the size of the message with which it answers what a
 * device publishes on its status topic, bytes; without one it answers nothing.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

const STATUS = '/status';

const broker = await Aedes.createBroker();
const answerBytes = Number(process.argv[2] ?? 0);
if (answerBytes > 0) {
  const payload = Buffer.alloc(answerBytes, 'x');
  broker.published = (packet, client, done) => {
    done(null);
    if (!client || !packet.topic.endsWith(STATUS)) return;
    const topic = packet.topic.slice(0, -STATUS.length);
    client.publish({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }, () => {});
  };
}
const server = createServer({ noDelay: true }, (socket) => {
  broker.handle(socket);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
process.stdout.write(`port ${typeof address === 'object' && address ? address.port : 0}\n`);
