/** The load process: makes the load that its argument names, a file beside this one, and does what it is asked over IPC. */
interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Every load is the only class its file exports by default. */
interface LoadModule {
  readonly default: new () => Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
}

const { default: Load } = (await import(`./${process.argv[2]}.js`)) as LoadModule;
const target = new Load();

process.on('message', ({ id, name, args }: Call) => {
  Promise.resolve()
    .then(() => target[name]?.(...args))
    .then(
      (result) => process.send?.({ id, result }),
      (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.stack : String(error) }),
    );
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
process.send?.('ready');
