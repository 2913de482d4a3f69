import type { EngagementState as StateValue } from '#protocol/local-api/model.ts';
import { engagementShapes } from '../../domain/engagement-view.ts';
import { texts } from '../../texts/en.ts';
import { State } from '../../ui/shape.tsx';

const words = texts.engagements;

/** Sign and word of an engagement's state. */
export function EngagementState({ state, isLeaving }: { readonly state: StateValue; readonly isLeaving: boolean }) {
  if (isLeaving) {
    return (
      <State shape="half" tone="dim">
        {words.leavingState}
      </State>
    );
  }
  return (
    <State {...engagementShapes[state.kind]}>
      {state.kind === 'preparing' ? words.stage(state.stage) : words.states[state.kind]}
    </State>
  );
}
