import Type from 'typebox';

/** What the schemas of records are made of. */

/** A schema for every member of a record: `satisfies` lets nobody add one to the domain without adding it to the backup. */
export type Members<T> = Readonly<Record<keyof T, Type.TSchema>>;

/** An object that has these members and no others. */
export const record = <P extends Type.TProperties>(members: P) =>
  Type.Object(members, { additionalProperties: false });

/** One of the words of a union, all of which have to be named. */
export const oneOf = <W extends string>(words: Readonly<Record<W, true>>) => Type.Enum(Object.keys(words));

export const text = Type.String();
export const maybeText = Type.Optional(text);
export const number = Type.Number();
export const maybeNumber = Type.Optional(number);
export const texts = Type.Array(text);
export const owner = Type.String({ pattern: '^[a-z0-9]{64,128}$' });
/** What a store can use as a key. */
export const id = Type.String({ pattern: '^[!-~]{1,128}$' });
export const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
export const size = Type.Integer({ minimum: 0 });
