import type { Clock } from '../../core/ports.js';
import { Rate } from '../../core/rate.js';
import type { LoginLimits } from '../../plugins/authentication.js';
import { CountedLimits } from './counted-limits.js';

/** As the default settings have it: 15 connections of a device in a minute. */
export const loginLimits = (
  clock: Pick<Clock, 'now'>,
  failuresPerMinute = 30,
  watch = new CountedLimits(),
): LoginLimits => ({ failuresPerMinute, connects: new Rate(15, 60_000, clock), watch });
