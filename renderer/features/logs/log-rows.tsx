import { memo, type RefObject, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { onNextFrame } from '../../api/next-frame.ts';
import { texts } from '../../texts/en.ts';
import { firstIndex, type LogEntry, type LogView } from './log-buffer.ts';
import { layoutRows, lineHeight, type RowLayout, visibleRows } from './row-layout.ts';

/** Nearer to the end than this is at the end. */
const endTolerance = lineHeight * 1.5;
/** Left and right of the text, and between its columns: as in the style sheet. */
const paddingWidth = 40;
const timeColumns = 13;
const levelColumns = 7;

export interface LogRowsHandle {
  /** Brings a line into the middle. */
  show(number: number): void;
  toEnd(): void;
}

/** The lines of a log: only those that are seen are drawn. */
export function LogRows({
  view,
  name,
  needle,
  current,
  isWrapped,
  hasTimes,
  isFollowing,
  onFollow,
  handle,
}: {
  readonly view: LogView;
  readonly name: string;
  readonly needle: string;
  /** Number of the match that was gone to. */
  readonly current: number | undefined;
  readonly isWrapped: boolean;
  readonly hasTimes: boolean;
  readonly isFollowing: boolean;
  readonly onFollow: (isFollowing: boolean) => void;
  readonly handle: RefObject<LogRowsHandle | null>;
}) {
  const element = useRef<HTMLDivElement>(null);
  /** The line at the top, and how far it is scrolled out: stays in place whatever happens above. */
  const anchor = useRef({ number: 0, offset: 0 });
  /** What the box was last scrolled and laid out to: tells what a person does from what lines do. */
  const before = useRef({ scrollTop: 0, scrollHeight: 0, layout: undefined as RowLayout | undefined });
  const [place, setPlace] = useState({ scrollTop: 0, width: 0, height: 0 });
  const columnWidth = useColumnWidth(element);
  const taken = (hasTimes ? timeColumns : 0) + levelColumns;
  const columns =
    isWrapped && place.width > 0 ? Math.max(20, Math.floor((place.width - paddingWidth) / columnWidth) - taken) : undefined;
  const { shown } = view;
  // The array is the same one when lines were added to it; the view is not.
  const layout = useMemo(() => layoutRows(view.shown, columns), [view, columns]);
  const scrollTop = isFollowing ? Math.max(0, layout.height - place.height) : place.scrollTop;
  const { first, end } = visibleRows(layout, scrollTop, place.height);

  useLayoutEffect(() => {
    const { current: box } = element;
    if (box === null) return;
    const isNew = before.current.layout !== layout;
    before.current.layout = layout;
    if (isFollowing) {
      box.scrollTop = box.scrollHeight;
      return;
    }
    // Only lines move what is read: else a scroll that is under way would be stopped.
    if (!isNew) return;
    const index = firstIndex(shown.length, (at) => (shown[at]?.number ?? 0) >= anchor.current.number);
    const wanted = layout.top(Math.min(index, Math.max(0, shown.length - 1))) + anchor.current.offset;
    if (Math.abs(box.scrollTop - wanted) >= 1) box.scrollTop = wanted;
  }, [layout, shown, isFollowing, place.height]);

  const look = () => {
    const { current: box } = element;
    if (box === null) return;
    const index = layout.at(box.scrollTop);
    anchor.current = { number: shown[index]?.number ?? 0, offset: box.scrollTop - layout.top(index) };
    const { scrollTop: top, clientWidth: width, clientHeight: height } = box;
    setPlace((known) =>
      known.scrollTop === top && known.width === width && known.height === height ? known : { scrollTop: top, width, height },
    );
  };
  const latestLook = useRef(look);
  latestLook.current = look;

  useEffect(() => {
    const { current: box } = element;
    if (box === null) return;
    const frame = onNextFrame(() => latestLook.current());
    const observer = new ResizeObserver(() => frame.request());
    observer.observe(box);
    latestLook.current();
    return () => {
      observer.disconnect();
      frame.cancel();
    };
  }, []);

  useImperativeHandle(handle, () => ({
    show(number) {
      const { current: box } = element;
      const index = firstIndex(shown.length, (at) => (shown[at]?.number ?? 0) >= number);
      if (box === null || index === shown.length) return;
      onFollow(false);
      const top = Math.max(0, layout.top(index) - Math.round(box.clientHeight / 2));
      const topIndex = layout.at(top);
      anchor.current = { number: shown[topIndex]?.number ?? 0, offset: top - layout.top(topIndex) };
      box.scrollTop = top;
    },
    toEnd: () => onFollow(true),
  }));

  return (
    <div
      ref={element}
      className="logs-rows tp-mono"
      role="log"
      // Nobody can listen to ten thousand lines a second; the rows can be read one by one.
      aria-live="off"
      aria-label={texts.logs.logOf(name)}
      tabIndex={0}
      data-wrapped={isWrapped}
      onScroll={({ currentTarget: { scrollTop: top, scrollHeight, clientHeight } }) => {
        const { scrollTop: former, scrollHeight: formerHeight } = before.current;
        before.current.scrollTop = top;
        before.current.scrollHeight = scrollHeight;
        look();
        // Upwards, by however little, is a person's wish to read; unless there has become less to scroll.
        if (top < former && scrollHeight >= formerHeight) onFollow(false);
        else if (top > former && scrollHeight - top - clientHeight <= endTolerance) onFollow(true);
      }}
    >
      <div style={{ height: layout.height, paddingTop: layout.top(first), boxSizing: 'border-box' }} className="logs-canvas">
        {shown.slice(first, end).map((entry) => (
          <Row key={entry.number} entry={entry} needle={needle} isCurrent={entry.number === current} hasTime={hasTimes} />
        ))}
      </div>
    </div>
  );
}

const Row = memo(function Row({
  entry: { time, level, text, isGap },
  needle,
  isCurrent,
  hasTime,
}: {
  readonly entry: LogEntry;
  readonly needle: string;
  readonly isCurrent: boolean;
  readonly hasTime: boolean;
}) {
  return (
    <div className="logs-row" data-level={level} data-gap={isGap} data-current={isCurrent}>
      {hasTime && (
        <span className="logs-time tp-dim" title={time}>
          {time === undefined ? '' : timeText(time)}
        </span>
      )}
      <span className="logs-level">{isGap ? '' : level}</span>
      <span className="logs-text">{needle === '' || isGap ? text : marked(text, needle)}</span>
    </div>
  );
});

function marked(text: string, needle: string): React.ReactNode {
  const lower = text.toLowerCase();
  const parts: React.ReactNode[] = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + needle.length)}</mark>);
    from = at + needle.length;
  }
  return [...parts, text.slice(from)];
}

/** `14:03:59.123`, of this laptop's day. */
function timeText(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Of a letter of the rows' font. */
function useColumnWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(7.2);
  useLayoutEffect(() => {
    const { current: box } = element;
    const context = document.createElement('canvas').getContext('2d');
    if (box === null || context === null) return;
    const { fontSize, fontFamily } = getComputedStyle(box);
    context.font = `${fontSize} ${fontFamily}`;
    const measured = context.measureText('0'.repeat(100)).width / 100;
    if (measured > 0) setWidth(measured);
  }, [element]);
  return width;
}
