import { texts } from '../../texts/en.ts';
import { ShapeIcon } from '../../ui/shape.tsx';

const words = texts.onboarding;

/** What it is for, before anything is asked. */
export function WhatStep() {
  return (
    <>
      <h3 className="welcome-title">{words.whatTitle}</h3>
      <WayIn />
      <dl className="welcome-points">
        {words.whatPoints.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p className="welcome-note">
        <ShapeIcon shape="hollow" tone="dim" /> {words.whatNote}
      </p>
    </>
  );
}

/** Laptop and cluster, and the way between them. */
function WayIn() {
  return (
    <svg className="welcome-drawing" viewBox="0 0 560 120" aria-hidden>
      <g fill="none" stroke="currentColor" strokeWidth="2" strokeLinejoin="round">
        <path d="M40 28h92a6 6 0 0 1 6 6v52H34V34a6 6 0 0 1 6-6z" />
        <path d="M22 86h128l-6 12H28z" />
        <path className="tp-accent" d="M160 58h214" strokeDasharray="2 7" strokeLinecap="round" />
        <path className="tp-accent" d="m362 48 12 10-12 10M172 48l-12 10 12 10" strokeLinecap="round" />
        <rect x="392" y="14" width="146" height="92" rx="10" />
      </g>
      <g className="tp-accent" fill="currentColor">
        <rect x="66" y="46" width="40" height="26" rx="5" />
        <rect x="410" y="32" width="32" height="24" rx="5" />
      </g>
      <g fill="none" stroke="currentColor" strokeWidth="2">
        <rect x="449" y="32" width="32" height="24" rx="5" />
        <rect x="488" y="32" width="32" height="24" rx="5" />
        <rect x="410" y="66" width="32" height="24" rx="5" />
        <rect x="449" y="66" width="32" height="24" rx="5" />
        <rect x="488" y="66" width="32" height="24" rx="5" />
      </g>
    </svg>
  );
}
