import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The device went away, or was cut off: nothing is wrong with the server. */
export class ConnectionLost extends Error {
  override readonly name: string = 'ConnectionLost';
}

/** The socket an answer goes to. @throws ConnectionLost if it is gone */
export function socketOf(response: ServerResponse): Socket {
  const { socket } = response;
  // A socket is destroyed a turn before its response is.
  if (!socket || socket.destroyed || response.destroyed) throw new ConnectionLost();
  return socket;
}

/** Sends the first piece, together with the head. Resolves and rejects as `write` does. */
export function writeFirst(response: ServerResponse, piece: Buffer): Promise<void> {
  return left(socketOf(response), (done) => response.write(piece, done));
}

/**
 * Sends one more piece past the response, whose own way costs more than the piece.
 * @returns undefined if the kernel has taken it; else a promise that resolves once it has, and rejects with
 *   ConnectionLost if the connection is lost before
 */
export function write(response: ServerResponse, piece: Buffer): Promise<void> | undefined {
  const socket = socketOf(response);
  let onDone: Done | undefined;
  socket.write(piece, (error) => onDone?.(error));
  if (socket.errored) throw new ConnectionLost(socket.errored.message, { cause: socket.errored });
  if (socket.writableLength === 0) return undefined;
  return left(socket, (done) => {
    onDone = done;
  });
}

/** A reset that has arrived is heard of in the next turn of the event loop. @throws ConnectionLost if there was one */
export async function heardOut(response: ServerResponse): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  socketOf(response);
}

/** Sends the last piece; resolves when the socket has closed well, rejects when it was reset. */
export async function finish(response: ServerResponse, piece: Buffer): Promise<void> {
  const socket = socketOf(response);
  const closed = new Promise<boolean>((resolve) => socket.once('close', resolve));
  response.end(piece);
  // `finish` fires after a reset too; the socket's own word is what counts.
  if (await closed) throw new ConnectionLost();
}

type Done = (error?: Error | null) => void;

/** Resolves when what `begin` sends has left for the kernel. */
function left(socket: Socket, begin: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new ConnectionLost());
    socket.once('close', onClose);
    begin((error) => {
      socket.off('close', onClose);
      // What was cancelled because the socket was destroyed comes without an error.
      if (error || socket.destroyed) reject(new ConnectionLost(error?.message, { cause: error }));
      else resolve();
    });
  });
}
