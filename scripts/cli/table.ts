import { plain } from './text.js';

/** One row's cells; what is absent is shown as `-`, so that columns can still be told apart by blanks. */
export type Row = readonly (string | null | undefined)[];

const cellText = (cell: string | null | undefined): string => plain(cell ?? '') || '-';

/** Aligns rows in columns, two blanks apart, and ends with a line break. The first row is the header. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => row.map(cellText));
  const widths: number[] = [];
  for (const row of cells)
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  return cells
    .map(
      (row) =>
        `${row
          .map((text, column) => text.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
