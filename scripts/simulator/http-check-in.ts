import { checkInRequest, type DeviceFacts } from './check-in.js';
import { exchange, type HttpAddress, HttpTrouble } from './raw-http.js';

/** The library reads the answer into 512 bytes, the last of them zero. */
const MAX_ANSWER_BYTES = 511;

/**
 * Checks in over HTTP/1.0 and resolves with the answer's body.
 * @throws HttpTrouble if the server cannot be reached, refuses, or answers more than a device can hold.
 */
export async function httpCheckIn(
  address: HttpAddress,
  key: string,
  facts: DeviceFacts,
  signal?: AbortSignal,
): Promise<string> {
  const pieces: Buffer[] = [];
  let status = 0;
  await exchange(
    address,
    checkInRequest(address, key, facts),
    {
      head: (head) => {
        status = head.status;
      },
      piece: (bytes) => {
        pieces.push(bytes);
      },
    },
    signal,
  );
  const body = Buffer.concat(pieces);
  if (status !== 200) throw new HttpTrouble(`check-in answered with ${status}: ${body.toString('utf8')}`);
  if (body.length > MAX_ANSWER_BYTES) throw new HttpTrouble(`answer of ${body.length} bytes`);
  return body.toString('utf8');
}
