export type Shape = 'hollow' | 'dots' | 'solid' | 'bars' | 'triangle' | 'key' | 'check' | 'cross' | 'dash' | 'half';
export type Tone = 'plain' | 'dim' | 'good' | 'warn' | 'bad' | 'accent';

/** A state's sign. It means nothing alone: a word stands beside it, or `label` says it. */
export function ShapeIcon({
  shape,
  tone = 'plain',
  label,
  size = 12,
}: {
  readonly shape: Shape;
  readonly tone?: Tone;
  readonly label?: string;
  readonly size?: number;
}) {
  const named = label === undefined ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label };
  return (
    <svg className={`ui-shape tp-${tone}`} data-shape={shape} viewBox="0 0 16 16" width={size} height={size} {...named}>
      {drawings[shape]}
    </svg>
  );
}

/** Sign and word, as everywhere in the product. */
export function State({
  shape,
  tone = 'plain',
  children,
}: {
  readonly shape: Shape;
  readonly tone?: Tone;
  readonly children: React.ReactNode;
}) {
  return (
    <span className="ui-state">
      <ShapeIcon shape={shape} tone={tone} />
      <span className="tp-cut">{children}</span>
    </span>
  );
}

const stroke = { fill: 'none', stroke: 'currentColor', strokeWidth: 2, strokeLinecap: 'round', strokeLinejoin: 'round' } as const;

const drawings: Readonly<Record<Shape, React.ReactNode>> = {
  hollow: <circle cx="8" cy="8" r="5.5" {...stroke} />,
  half: (
    <>
      <circle cx="8" cy="8" r="5.5" {...stroke} />
      <path d="M8 3a5 5 0 0 1 0 10z" fill="currentColor" />
    </>
  ),
  dots: (
    <g fill="currentColor" className="ui-shape-dots">
      <circle cx="2.5" cy="8" r="1.9" />
      <circle cx="8" cy="8" r="1.9" />
      <circle cx="13.5" cy="8" r="1.9" />
    </g>
  ),
  solid: <circle cx="8" cy="8" r="6" fill="currentColor" />,
  bars: <path d="M5 3v10M11 3v10" {...stroke} strokeWidth={3} />,
  triangle: (
    <>
      <path d="M8 2 14.5 13.5h-13z" {...stroke} />
      <path d="M8 6.5v3M8 11.7v.1" {...stroke} strokeWidth={1.7} />
    </>
  ),
  key: <path d="M10.5 2.5a3.5 3.5 0 1 1-2.6 5.9L2.5 13.5v-2.5M5 11v2" {...stroke} />,
  check: <path d="m2.5 8.5 3.5 3.5 7.5-8" {...stroke} />,
  cross: <path d="m3.5 3.5 9 9m0-9-9 9" {...stroke} />,
  dash: <path d="M4 8h8" {...stroke} />,
};
