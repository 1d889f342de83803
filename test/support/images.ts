import { madeUpImage } from '../../scripts/simulator/made-up-image.js';

/** More than what two sockets hold between them: a device that stops reading stops the server. */
const LARGE = 14_000_000;

export const smallImage = (seed: string): Buffer => madeUpImage(20_000, seed);
export const largeImage = (seed: string): Buffer => madeUpImage(LARGE, seed);
