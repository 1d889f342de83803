import { expect } from 'chai';
import { table } from '../../../scripts/cli/table.js';

describe('command line: table', () => {
  it('aligns columns and leaves no blanks at the ends of lines', () => {
    const text = table([
      ['A', 'LONGER'],
      ['wide cell', 'x'],
    ]);
    expect(text).to.equal('A          LONGER\nwide cell  x\n');
  });

  it('shows what is absent as a dash', () => {
    expect(table([[undefined, null, '', ' ', 'end']])).to.equal('-  -  -  -  end\n');
  });

  it('lets nothing through that a terminal would obey', () => {
    expect(table([['\u001b[2Jcleared\r\nand\u202emore', 'x']])).to.equal('[2Jcleared andmore  x\n');
  });
});
