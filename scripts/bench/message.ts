/** A message as it is published. */
export interface Message {
  readonly topic: string;
  readonly payload: string;
}
