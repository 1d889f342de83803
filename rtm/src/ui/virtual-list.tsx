import { observeWindowOffset, observeWindowRect, Virtualizer, windowScroll } from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef } from 'preact/hooks';

interface Props {
  readonly count: number;
  /** The height of every row, px. */
  readonly rowHeight: number;
  readonly row: (index: number) => ComponentChildren;
}

/** A list as long as it likes, of which only the rows in the window are there. It scrolls with the page. */
export function VirtualList({ count, rowHeight, row }: Props) {
  const ref = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const margin = useRef(0);
  const options = {
    count,
    getScrollElement: () => window,
    estimateSize: () => rowHeight,
    overscan: 8,
    scrollMargin: margin.current,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialOffset: () => window.scrollY,
    onChange: () => redraw(undefined),
  };
  const list = useRef<Virtualizer<Window, HTMLDivElement> | undefined>(undefined);
  list.current ??= new Virtualizer<Window, HTMLDivElement>(options);
  const virtualizer = list.current;
  virtualizer.setOptions(options);

  // The underscores notwithstanding these are what TanStack's own adapters for frameworks call.
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, rowHeight]);
  // What stands above the list grows and shrinks.
  useEffect(() => {
    const measure = (): void => {
      const top = Math.round((ref.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
      if (top === margin.current) return;
      margin.current = top;
      redraw(undefined);
    };
    const size = new ResizeObserver(measure);
    size.observe(document.body);
    measure();
    return () => size.disconnect();
  }, []);

  return (
    <div ref={ref} class="virtual" role="rowgroup" style={{ height: `${virtualizer.getTotalSize()}px` }}>
      {virtualizer.getVirtualItems().map(({ index, start, key }) => (
        <div
          key={key}
          class="virtual-row"
          role="row"
          aria-rowindex={index + 2}
          style={{ height: `${rowHeight}px`, transform: `translateY(${start - margin.current}px)` }}
        >
          {row(index)}
        </div>
      ))}
    </div>
  );
}
