import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { State } from '../../ui/shape.tsx';

const words = texts.intercept;
type Right = CallOutput<'planIntercept'>['rights'][number];

/** Gravest first. */
const effects = ['cannot-start', 'cannot-reconnect', 'slower'] as const satisfies readonly Right['withoutIt'][];

/** Whether nothing starts for the lack of it. */
export function isInTheWay({ allowed, withoutIt }: Right): boolean {
  return !allowed && withoutIt === 'cannot-start';
}

/** The rights that are missing, by what comes of it, each with what an administrator needs; or that there are all. */
export function Rights({ rights }: { readonly rights: readonly Right[] }) {
  if (rights.every(({ allowed }) => allowed)) {
    return (
      <State shape={rights.length === 0 ? 'hollow' : 'check'} tone={rights.length === 0 ? 'dim' : 'good'}>
        {rights.length === 0 ? words.rightsUnknown : words.rightsAll(rights.length)}
      </State>
    );
  }
  return effects.map((effect) => {
    const missing = rights.filter(({ allowed, withoutIt }) => !allowed && withoutIt === effect);
    if (missing.length === 0) return null;
    return (
      <Notice
        key={effect}
        severity={effect === 'cannot-start' ? 'error' : 'warning'}
        title={words.rightsWithout[effect]}
        reason={words.rightsAsk}
        remedies={missing.map(({ verb, resource, namespace, grant }) => ({
          label: words.right(verb, resource, namespace),
          command: grant,
        }))}
        copyLabel={texts.shell.copyCommand}
      />
    );
  });
}
