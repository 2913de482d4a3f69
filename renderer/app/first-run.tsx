import { Suspense } from 'react';
import { selectPreferences, useMirror } from '../stores/mirror.ts';
import { lazyPart } from './lazy-part.ts';

const Welcome = lazyPart(async () => (await import('../features/onboarding/welcome.tsx')).Welcome);

/** Over everything, until the person has seen or skipped it. */
export function FirstRun() {
  const isNeeded = useMirror((mirror) => selectPreferences(mirror)?.isWelcomed === false);
  if (!isNeeded) return null;
  return (
    <Suspense fallback={null}>
      <Welcome />
    </Suspense>
  );
}
