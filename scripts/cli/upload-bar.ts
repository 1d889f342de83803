import { SingleBar } from 'cli-progress';
import type { Output } from '../client/io.js';
import type { UploadProgress } from '../client/upload.js';

/** Shows how far an upload is; `end` takes it off the screen and may be called twice. */
export interface UploadBar {
  readonly moved: UploadProgress;
  end(): void;
}

/** A bar where a person is looking; elsewhere nothing. */
export function uploadBar(output: Output, isWanted: boolean): UploadBar {
  if (!isWanted || !output.isTTY) return { moved: () => {}, end: () => {} };
  const bar = new SingleBar({
    format: 'uploading [{bar}] {percentage}%',
    stream: output,
    clearOnComplete: true,
    // Signals belong to the entry point.
    gracefulExit: false,
  });
  return {
    moved(sent, total) {
      if (!bar.isActive) bar.start(total, sent);
      bar.update(sent);
    },
    end: () => bar.stop(),
  };
}
