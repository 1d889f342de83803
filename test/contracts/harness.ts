/** One store, opened anew for each test, empty. */
export interface Opened<T> {
  readonly store: T;
  /** The same data as another node or process sees them. */
  readonly other: T;
  close(): Promise<void>;
}

/** How a storage opens the store that a contract is about. */
export type Open<T> = () => Promise<Opened<T>>;

/** A record without the members that are undefined: a storage may leave them out. */
export const plain = <T>(value: T): unknown => JSON.parse(JSON.stringify(value ?? null));

/** All items, in their order. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The numbers from 0 up to `count`, exclusive. */
export const range = (count: number): number[] => [...Array(count).keys()];
