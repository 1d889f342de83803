import { expect } from 'chai';
import { OWNER, UDID } from '../../support/builders.js';
import { anImage, codeOf } from '../../support/domain.js';
import { aPair, manifestFor } from '../../support/signing.js';
import { type Node, TwoNodes } from '../../support/two-nodes.js';

describe('signed firmware on two nodes', () => {
  let nodes: TwoNodes;
  let a: Node;
  let b: Node;
  const ann = aPair();
  beforeEach(async () => {
    nodes = await TwoNodes.open();
    ({ a, b } = nodes);
    await a.world.domain.signers.add(OWNER, 'ann', ann.publicPem);
  });
  afterEach(() => nodes.close());

  const publish = ({ world }: Node, version: string, sequence: number) => {
    const image = anImage(1000, sequence);
    return world.publish({ version, manifest: manifestFor(image, ann, { version, sequence }) }, image);
  };
  const decisionOf = async ({ world }: Node) => {
    const outcome = await world.domain.desk.consider(UDID);
    return outcome?.decision.kind === 'none' ? outcome.decision.reason : outcome?.decision.firmware.version;
  };

  it('of two with one sequence at the same time one is published, whichever node they come to', async () => {
    const codes = await Promise.all([codeOf(publish(a, '1.1.0', 5)), codeOf(publish(b, '1.2.0', 5))]);
    expect(codes.sort()).to.deep.equal(['no failure', 'sequence_too_low']);
    expect(await b.world.domain.catalog.list(OWNER)).to.have.length(1);
    expect(await codeOf(publish(b, '1.3.0', 4))).to.equal('sequence_too_low');
    expect(await codeOf(publish(b, '1.3.0', 6))).to.equal('no failure');
  });

  it('a key that is trusted no longer is that on every node at once', async () => {
    await a.world.device({ autoUpdate: true });
    await publish(a, '1.1.0', 1);
    expect([await decisionOf(a), await decisionOf(b)]).to.deep.equal(['1.1.0', '1.1.0']);
    await b.world.domain.signers.remove(OWNER, ann.signer.id);
    expect([await decisionOf(a), await decisionOf(b)]).to.deep.equal([
      'signer_untrusted',
      'signer_untrusted',
    ]);
    expect(await codeOf(publish(a, '1.2.0', 2))).to.equal('signer_unknown');
  });
});
