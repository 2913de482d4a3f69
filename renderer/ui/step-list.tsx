import { type Shape, ShapeIcon, type Tone } from './shape.tsx';

export interface Step {
  readonly id: string;
  readonly label: string;
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly detail?: string | undefined;
}

/** Steps that tick off. Each line keeps its height whatever its state. */
export function StepList({
  steps,
  label,
  words,
}: {
  readonly steps: readonly Step[];
  readonly label: string;
  /** What a screen reader says of a state. */
  readonly words: Readonly<Record<Step['state'], string>>;
}) {
  return (
    <ol className="ui-steps" aria-label={label}>
      {steps.map(({ id, label: name, state, detail }) => (
        <li key={id} data-state={state} {...(state === 'running' ? { 'aria-current': 'step' } : {})}>
          <ShapeIcon {...signs[state]} label={words[state]} />
          <span>{name}</span>
          <span className="tp-dim tp-number">{detail}</span>
        </li>
      ))}
    </ol>
  );
}

const signs: Readonly<Record<Step['state'], { shape: Shape; tone: Tone }>> = {
  waiting: { shape: 'hollow', tone: 'dim' },
  running: { shape: 'dots', tone: 'accent' },
  done: { shape: 'check', tone: 'good' },
  failed: { shape: 'cross', tone: 'bad' },
};
