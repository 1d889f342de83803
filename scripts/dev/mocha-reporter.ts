import Mocha from 'mocha';

/**
 * Mocha's spec reporter with one more line at the very end, `N passed, N failed`, for programs that read the result.
 * A hook that fails counts as one failure; the tests it kept from running count as neither.
 */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    // Registered after the base class, so that this line comes behind its list of failures.
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      Mocha.reporters.Base.consoleLog('%s', summary(this.stats));
    });
  }
}

/** The last line, from mocha's own counts. */
export const summary = (counts: { readonly passes: number; readonly failures: number }): string =>
  `${counts.passes} passed, ${counts.failures} failed`;
