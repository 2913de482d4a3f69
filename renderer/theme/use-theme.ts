import { useMediaQuery } from '@mantine/hooks';
import { useLayoutEffect } from 'react';
import { selectPreferences, useMirror } from '../stores/mirror.ts';

/** The scheme to draw with: what the person chose, else the system's. */
export function useTheme(): 'light' | 'dark' {
  const choice = useMirror((mirror) => selectPreferences(mirror)?.theme ?? 'system');
  const isSystemDark = useMediaQuery('(prefers-color-scheme: dark)', undefined, { getInitialValueInEffect: false });
  const wantsContrast = useMediaQuery('(prefers-contrast: more)', undefined, { getInitialValueInEffect: false });
  const hasContrast = choice === 'contrast' || (choice === 'system' && wantsContrast);
  useLayoutEffect(() => {
    if (hasContrast) document.documentElement.dataset['contrast'] = 'more';
    else delete document.documentElement.dataset['contrast'];
  }, [hasContrast]);
  if (choice === 'light' || choice === 'dark') return choice;
  return isSystemDark ? 'dark' : 'light';
}
